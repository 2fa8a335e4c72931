/** Lock: mutual exclusion between any threads of any processes, which survives the death of its holder. */

import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { me } from '../lifecycle/participant.js';
import { describe } from '../options/describe.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  Block,
  BlockKind,
  blockOf,
  closedError,
  type Mode,
  type NameOptions,
  nameOptions,
  type Shape,
} from '../shared/block.js';
import { textForm } from '../shared/text-form.js';
import { heldByCaller, type Lent, lend, letGo, oweTo, regain, regainSync, type Waker } from './borrowing.js';
import { type Hold, holdOf } from './hold.js';
import { closedWords, LockState } from './lock-state.js';
import { ownerText } from './owner-text.js';

const shape: Shape = { kind: BlockKind.lock, type: 0, flags: 0, length: 0, size: 32 };
const won = Promise.resolve(true);

/**
 * A lock that one thread of one process holds at a time; mirrors `multiprocessing.Lock`. Not recursive.
 *
 * If its holder dies, or ends without releasing it, the next `acquire` succeeds with {@link Lock.ownerDied} set (in
 * CPython the lock stays held indefinitely).
 */
export class Lock {
  #words: Int32Array;
  #index: number;
  #state: LockState | undefined;
  readonly #block: Block;

  /**
   * Makes an anonymous lock, or opens the named one, which is made if it is missing.
   *
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(options?: NameOptions);
  /** @internal */
  constructor(block: Block);
  constructor(options?: NameOptions | Block) {
    refuseClones(this);
    this.#block = options instanceof Block ? options : obtain('open-or-create', options);
    this.#state = LockState.of(this.#block);
    this.#words = this.#state.words;
    this.#index = this.#state.index;
  }

  /** Makes a lock that must not exist yet: `EEXIST`. */
  static create(options?: NameOptions): Lock {
    return new Lock(obtain('create', options));
  }

  /** Opens a lock that must exist: `ENOENT`. */
  static open(name: string): Lock {
    return new Lock(Block.open(name, BlockKind.lock));
  }

  /** Removes the name; processes that have the lock open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous lock. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /**
   * Takes the lock, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  acquire(wait?: Wait): Promise<boolean> {
    if (wait === undefined && Atomics.compareExchange(this.#words, this.#index, 0, me) === 0) return won;
    return this.#acquireSlow(wait);
  }

  /**
   * Takes the lock, blocking the thread; no JavaScript runs meanwhile, signal handlers included.
   *
   * @returns `false` if the time passed
   * @throws MultiprocError `EDEADLK` if this thread holds it and no time-out is given
   */
  acquireSync(wait?: Wait): boolean {
    if (wait === undefined && Atomics.compareExchange(this.#words, this.#index, 0, me) === 0) return true;
    return this.#open.takeSync(parseSyncWait(wait));
  }

  /** Takes the lock if that is possible at once. */
  tryAcquire(): boolean {
    if (Atomics.compareExchange(this.#words, this.#index, 0, me) === 0) return true;
    return this.#open.tryTake();
  }

  /**
   * Releases the lock, also one that another process holds.
   *
   * @throws ValueError if it is free
   */
  release(): void {
    if (Atomics.compareExchange(this.#words, this.#index, me, 0) === me) return;
    if (!this.#open.giveBack()) throw new ValueError('The lock is released too many times: nobody holds it');
  }

  /** Whether a living thread holds the lock. */
  locked(): boolean {
    return this.#open.locked;
  }

  /**
   * Whether a former holder died, or ended, while it held the lock. Stays so for every holder until
   * {@link markConsistent}: what the lock protects may be half-changed.
   */
  get ownerDied(): boolean {
    return this.#open.ownerDied;
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @throws ValueError if this thread does not hold the lock
   */
  markConsistent(): void {
    if (!this.#open.markConsistent()) throw new ValueError('Only the holder of a lock may mark it consistent');
  }

  /**
   * Runs `fn` while the lock is held, and returns its result.
   *
   * @throws TimeoutError if the time passed before the lock could be taken
   */
  async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    if (!(await this.acquire(wait))) throw timedOut();
    try {
      return await fn();
    } finally {
      this.release();
    }
  }

  /** As {@link run}, blocking the thread. `fn` is synchronous: the lock is free again when it returns. */
  runSync<T>(fn: () => T, wait?: Wait): T {
    checkFunction(fn);
    if (!this.acquireSync(wait)) throw timedOut();
    try {
      return fn();
    } finally {
      this.release();
    }
  }

  /**
   * Takes the lock for a `using` block.
   *
   * @throws TimeoutError if the time passed
   */
  async hold(wait?: Wait): Promise<Hold> {
    if (!(await this.acquire(wait))) throw timedOut();
    return holdOf(this.ownerDied, () => this.release());
  }

  /** As {@link hold}, blocking the thread. */
  holdSync(wait?: Wait): Hold {
    if (!this.acquireSync(wait)) throw timedOut();
    return holdOf(this.ownerDied, () => this.release());
  }

  /** Lets go of the lock in this process; it is not released. Waits that are pending here fail. Idempotent. */
  close(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    this.#words = closedWords;
    this.#index = 0;
    state.leave(this, closedError('Lock'));
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous lock. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [heldByCaller](): boolean {
    return this.#open.heldHere;
  }

  /** @internal */
  [letGo](): undefined {
    this.#open.giveBack();
  }

  /** @internal */
  [lend](waker: Waker): Lent {
    const state = this.#open;
    state.lend(waker);
    return { block: state.block, saved: undefined };
  }

  /** @internal */
  [oweTo](waker: Waker): void {
    this.#open.oweTo(waker);
    this.#open.markContended();
  }

  /** @internal */
  [regain](): Promise<void> {
    return this.#open.regain(this);
  }

  /** @internal */
  [regainSync](_: Lent, held: boolean): void {
    this.#open.regainSync(held);
  }

  /** @internal */
  [inspect.custom](): string {
    return textForm(this, this.#state && [`owner=${ownerText(this.#state.owner)}`]);
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    return this.#block.depart(HandleKind.lock);
  }

  get #open(): LockState {
    if (this.#state === undefined) throw closedError('Lock');
    return this.#state;
  }

  async #acquireSlow(wait: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const state = this.#open;
    if (state.tryTake()) return true;
    if (parsed.deadline <= 0) return false;
    return state.take(this, parsed);
  }
}
isNoData(Lock);

registerArrival(HandleKind.lock, (handle) => new Lock(Block.arrive(handle, BlockKind.lock)));

function obtain(mode: Mode, options: NameOptions | undefined): Block {
  nameOptions.check(options, 'Lock');
  return Block.obtain(mode, shape, options, () => {});
}

export function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function, got ${describe(fn)}`);
}

export function timedOut(what = 'The lock'): TimeoutError {
  return new TimeoutError(`${what} could not be taken in time`);
}
