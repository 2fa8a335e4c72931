/** Options of listeners and clients that say what the other side may be, and may send. */
import { boolean } from '../options/kinds.js';
import { type ModuleNames, modulesKind } from '../serialize/allowed-modules.js';

export interface PeerOptions {
  /**
   * Whether a CPython program (3.12 or newer) may be at the other side. Default true: then CPython's challenge is spoken with a
   * peer that is none of this package. Say `false` where no Python program has the key: a peer that speaks CPython's
   * protocol is refused. Without an `authkey` of no effect.
   */
  python?: boolean | undefined;
  /**
   * URLs or absolute paths of modules whose functions and classes messages of other machines and users may name: they are
   * loaded for that. Default: none; then such messages may name what `register` named here. Of no effect for peers on a
   * local socket that are of this very user, which may name every module.
   */
  modules?: ModuleNames | undefined;
}

/** {@link PeerOptions}, for tables. */
export const peerFields = { python: boolean, modules: modulesKind };
