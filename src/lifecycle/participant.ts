/** Identity of this thread in shared memory: its participant id, attached at the first object. */
import { MultiprocError, SystemError } from '../errors.js';
import { layout, native } from '../native.js';
import { afterForkInChild } from './after-fork.js';

/** State that all copies of this package in the thread share. */
interface Shared {
  id: number;
}

const key = Symbol.for(`multiproc.participant.${layout.abi}`);
const holder = process as unknown as Record<symbol, Shared | undefined>;

/** The participant id of this thread; 0 until {@link attach}. A live binding: it changes in the child of a fork. */
export let me = 0;

const reattached: (() => void)[] = [];

/**
 * Makes this thread a participant, if it is none yet. Every object calls this before its first word is touched.
 *
 * @throws MultiprocError `ERR_MULTIPROC_PARTICIPANTS` when all 4,096 slots of this user's registry are in use;
 *   `ERR_MULTIPROC_USER` when the effective user is another one than at the first use
 */
export function attach(): void {
  if (me !== 0) {
    native.checkUser();
    return;
  }
  const shared = holder[key];
  if (shared !== undefined) {
    native.adopt(shared.id);
    me = shared.id;
    return;
  }
  me = attachNatively();
  Object.defineProperty(holder, key, { value: { id: me }, writable: true, configurable: true });
}

/** Calls back after this thread became another participant: what its objects knew about ownership is the parent's. */
export function onReattach(callback: () => void): void {
  reattached.push(callback);
}

/** Makes the child of a fork a participant of its own, if its parent was one. */
function reattach(): void {
  if (me === 0) return;
  native.forget();
  me = attachNatively();
  const shared = holder[key];
  if (shared !== undefined) shared.id = me;
  native.waitRenew();
  for (const callback of reattached) callback();
}

afterForkInChild(reattach);

function attachNatively(): number {
  try {
    return native.attach();
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    if (cause.code === 'EUSERS') {
      throw new MultiprocError('All 4,096 participants (threads that use multiproc) of this user are in use', {
        code: 'ERR_MULTIPROC_PARTICIPANTS',
        cause,
      });
    }
    if (cause.code === 'EPROTO') {
      throw new MultiprocError(
        `The registry ${cause.path} is damaged or of another version: remove it when none of its users runs`,
        { code: 'ERR_MULTIPROC_REGISTRY', cause },
      );
    }
    throw cause;
  }
}
