/** RLock: a lock that its holder may take again, as deep as it likes. */

import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { me } from '../lifecycle/participant.js';
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
import {
  heldByCaller,
  type Lent,
  lend,
  letGo,
  oweTo,
  regain,
  regainSync,
  type Saved,
  type Waker,
} from './borrowing.js';
import { type Hold, holdOf } from './hold.js';
import { checkFunction, timedOut } from './lock.js';
import { closedWords, LockState } from './lock-state.js';
import { ownerText } from './owner-text.js';
import { enter, isInside, newRun, type Run } from './reentry.js';

const shape: Shape = { kind: BlockKind.rlock, type: 0, flags: 0, length: 0, size: 32 };
const won = Promise.resolve(true);

/** Holder by the sync and try forms: the thread itself, whichever of its tasks asks. */
const thread = {};
/** The holder by `await acquire()` outside a run: all such tasks count as one. */
const task = {};
/** Holder by `hold()` outside a run: only the hold itself can give it back. */
class HoldOwner {}

/**
 * A recursive lock; mirrors `multiprocessing.RLock`.
 *
 * Its owner is the thread for the sync and try forms. Among the tasks of a thread only `run(fn)` re-enters: what `fn`
 * calls or awaits takes the lock again at once, a sibling task never. `await acquire()` and `hold()` inside a run belong
 * to it; outside they never re-enter, and wait for this thread's other tasks too.
 */
export class RLock {
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
  static create(options?: NameOptions): RLock {
    return new RLock(obtain('create', options));
  }

  /** Opens a lock that must exist: `ENOENT`. */
  static open(name: string): RLock {
    return new RLock(Block.open(name, BlockKind.rlock));
  }

  /** Removes the name; processes that have the lock open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** @internal The lock inside another object's block. */
  static over(block: Block): RLock {
    return new RLock(block.retain());
  }

  /** `undefined` for an anonymous lock. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /**
   * Takes the lock, without blocking the event loop. Inside a `run` of this lock it re-enters.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  acquire(wait?: Wait): Promise<boolean> {
    if (wait === undefined && Atomics.compareExchange(this.#words, this.#index, 0, me) === 0) {
      this.#begin(task);
      return won;
    }
    return this.#take(task, wait).then((holder) => holder !== undefined);
  }

  /**
   * Takes the lock, blocking the thread; no JavaScript runs meanwhile, signal handlers included.
   *
   * @returns `false` if the time passed
   * @throws MultiprocError `EDEADLK` if another task of this thread holds it and no time-out is given
   */
  acquireSync(wait?: Wait): boolean {
    const deadline = parseSyncWait(wait);
    if (this.tryAcquire()) return true;
    if (!this.#open.takeSync(deadline)) return false;
    this.#begin(thread);
    return true;
  }

  /** Takes the lock if that is possible at once; again, if this thread (or the run around the call) holds it. */
  tryAcquire(): boolean {
    if (Atomics.compareExchange(this.#words, this.#index, 0, me) === 0) {
      this.#begin(thread);
      return true;
    }
    const state = this.#open;
    if (this.#reenter(state, true)) return true;
    if (!state.tryTake()) return false;
    this.#begin(thread);
    return true;
  }

  /**
   * Gives one acquisition back; the lock is free after the last.
   *
   * @throws ValueError if the caller does not own the lock, or has nothing to give back inside a `run`
   */
  release(): void {
    const state = this.#open;
    if (!this.#owns(state)) throw new ValueError('An RLock is released that the caller does not own');
    if (state.depth === 1 && state.holder !== thread && state.holder !== task) {
      throw new ValueError('The run that took the RLock gives it back by itself');
    }
    this.#leave(state);
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
   * Runs `fn` while the lock is held, and returns its result. Code that `fn` calls or awaits may take the lock again.
   *
   * @throws TimeoutError if the time passed before the lock could be taken
   */
  async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    const state = this.#open;
    const run = newRun();
    const holder = await this.#take(run, wait);
    if (holder === undefined) throw timedOut();
    try {
      return await (holder === run ? enter(run, fn) : fn());
    } finally {
      this.#finish(state, run, holder);
    }
  }

  /** As {@link run}, blocking the thread. `fn` is synchronous: the lock is given back when it returns. */
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
   * Takes the lock for a `using` block. Inside a `run` of this lock it re-enters.
   *
   * @throws TimeoutError if the time passed
   */
  async hold(wait?: Wait): Promise<Hold> {
    const state = this.#open;
    const owner = new HoldOwner();
    const holder = await this.#take(owner, wait);
    if (holder === undefined) throw timedOut();
    return holdOf(state.ownerDied, () => this.#finish(state, owner, holder));
  }

  /** As {@link hold}, blocking the thread; re-enters if the thread holds the lock. */
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
    state.leave(this, closedError('RLock'));
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous lock. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal A task that holds it by `hold()` cannot be distinguished from the others of its thread. */
  [heldByCaller](): boolean {
    const state = this.#open;
    return this.#owns(state) || (state.holder instanceof HoldOwner && state.heldHere);
  }

  /** @internal */
  [letGo](): Saved {
    const state = this.#open;
    const saved = this.#save(state);
    state.giveBack();
    return saved;
  }

  /** @internal */
  [lend](waker: Waker): Lent {
    const state = this.#open;
    state.lend(waker);
    return { block: state.block, saved: this.#save(state) };
  }

  /** @internal */
  [oweTo](waker: Waker): void {
    this.#open.oweTo(waker);
  }

  /** @internal */
  async [regain](saved: Saved | undefined): Promise<void> {
    const state = this.#open;
    await state.regain(this);
    this.#restore(state, saved);
  }

  /** @internal */
  [regainSync](lent: Lent, held: boolean): void {
    const state = this.#open;
    state.regainSync(held);
    this.#restore(state, lent.saved);
  }

  #save(state: LockState): Saved {
    const { holder, depth } = state;
    this.#deepen(state, -depth);
    state.holder = undefined;
    return { holder, depth };
  }

  #restore(state: LockState, saved: Saved | undefined): void {
    state.holder = saved?.holder;
    this.#deepen(state, (saved?.depth ?? 0) - state.depth);
  }

  /** @internal */
  [inspect.custom](): string {
    const state = this.#state;
    if (state === undefined) return textForm(this, undefined);
    const { owner } = state;
    // As far as the other thread's depth is known, it may be another one by now.
    const depth = owner === 0 ? '0' : owner === me ? String(state.depth) : 'nonzero';
    return textForm(this, [ownerText(owner), depth]);
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    return this.#block.depart(HandleKind.rlock);
  }

  get #open(): LockState {
    if (this.#state === undefined) throw closedError('RLock');
    return this.#state;
  }

  /** Takes it for the holder, or once more for the run around the call: whose it is now; `undefined` on a miss. */
  async #take(holder: object, wait: Wait): Promise<object | undefined> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const state = this.#open;
    if (this.#reenter(state, false)) return state.holder;
    if (!state.tryTake() && !(parsed.deadline > 0 && (await state.take(this, parsed)))) return undefined;
    this.#begin(holder);
    return holder;
  }

  #begin(holder: object): void {
    const state = this.#open;
    state.holder = holder;
    this.#deepen(state, 1 - state.depth);
  }

  /** Takes it once more, if the caller owns it already. */
  #reenter(state: LockState, sync: boolean): boolean {
    if (!this.#owns(state) || state.holder === task || (state.holder === thread && !sync)) return false;
    this.#deepen(state, 1);
    return true;
  }

  #owns(state: LockState): boolean {
    const { holder } = state;
    if (holder === undefined || holder instanceof HoldOwner || !state.heldHere) return false;
    return holder === thread || holder === task || isInside(holder as Run);
  }

  /**
   * Releases what `owner` took: all of it, or one level of the enclosing run. That run may have ended first, if its
   * work was not awaited: then it released everything.
   *
   * @throws ClosedError if the memory may be another object's by now
   */
  #finish(state: LockState, owner: object, holder: object): void {
    if (state.holder !== holder) return;
    this.#open;
    if (holder === owner) this.#end(state);
    else if (state.depth > 1) this.#deepen(state, -1);
  }

  #leave(state: LockState): void {
    if (state.depth === 1) this.#end(state);
    else this.#deepen(state, -1);
  }

  /** The depth is in shared memory for display only; a killed holder has left its own there. */
  #deepen(state: LockState, change: number): void {
    state.depth += change;
    state.words[state.index + 1] = state.depth;
  }

  #end(state: LockState): void {
    state.holder = undefined;
    state.depth = 0;
    if (state.owes || Atomics.compareExchange(state.words, state.index, me, 0) !== me) state.giveBack();
  }
}
isNoData(RLock);

registerArrival(HandleKind.rlock, (handle) => new RLock(Block.arrive(handle, BlockKind.rlock)));

function obtain(mode: Mode, options: NameOptions | undefined): Block {
  nameOptions.check(options, 'RLock');
  return Block.obtain(mode, shape, options, () => {});
}
