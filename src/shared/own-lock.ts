/** The lock that a shared value or array brings along: made when it is first asked for, given by the user, or none. */
import { ValueError } from '../errors.js';
import { describeForeign } from '../identity/copies.js';
import { kind, nullable } from '../options/kinds.js';
import type { Lock } from '../sync/lock.js';
import { RLock } from '../sync/rlock.js';
import { type Block, closedError, type NameOptions } from './block.js';

/** Anything with `acquire` and `release`; Lock and RLock are the ones that may travel along. */
export interface LockLike {
  /** Takes the lock. */
  acquire(...args: never[]): unknown;
  /** Gives it back. */
  release(...args: never[]): unknown;
}

/** Options of what has a lock of its own. */
export interface LockOptions extends NameOptions {
  /**
   * What `getLock()` returns. Absent, `null` or `true`: an RLock inside the object. `false`: there is none. Processes that
   * open the object by name each say what they want; a lock of the object's own is the same one for all of them.
   */
  lock?: LockLike | boolean | null | undefined;
}

/** The options of what has a lock of its own, beside its name. */
export const ownLockFields = {
  lock: nullable(
    kind<LockLike | boolean>('a lock or a boolean', (value) => typeof value === 'boolean' || isLock(value)),
  ),
};

export class OwnLock {
  /** A lock of the user's, `false` for none, `undefined` for the one inside the block. */
  readonly given: LockLike | false | undefined;
  #made: RLock | undefined;

  /** @param option as {@link ownLockFields} accept it */
  constructor(option: LockOptions['lock']) {
    this.given = option === true ? undefined : (option ?? undefined);
  }

  /**
   * The type is that of the locks of this package; it is another one if the user gave another one.
   *
   * @throws ValueError with `lock: false`
   */
  get(block: Block | undefined, what: string): Lock | RLock {
    if (block === undefined) throw closedError(what);
    if (this.given === false) throw new ValueError(`The ${what} was made without a lock`);
    if (this.given !== undefined) return this.given as RLock;
    this.#made ??= RLock.over(block);
    return this.#made;
  }

  /** Only the lock inside the block ends with its object. */
  close(): void {
    this.#made?.close();
  }
}

function isLock(option: unknown): option is LockLike {
  if (typeof option !== 'object' || option === null || describeForeign(option) !== undefined) return false;
  return typeof (option as Partial<LockLike>).acquire === 'function';
}
