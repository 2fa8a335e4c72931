/**
 * The state of one lock in this thread, shared by all its objects for that lock: its waiting tasks, and the slow paths.
 * The fast path is two compare-and-swaps in the classes themselves.
 *
 * Within a thread a release hands the lock to the oldest waiting task directly, until it is the others' turn (see
 * {@link GivingWay}). So a loop of `await acquire()` starves neither its own process nor the others.
 */
import { channel } from 'node:diagnostics_channel';
import type { ParsedWait } from '../deadline.js';
import { forEver, now } from '../deadline.js';
import { MultiprocError } from '../errors.js';
import { me, onReattach } from '../lifecycle/participant.js';
import { layout, native, TargetKind } from '../native.js';
import type { Block } from '../shared/block.js';
import type { Waker } from './borrowing.js';
import { GivingWay } from './giving-way.js';
import { WaitQueue } from './wait-queue.js';

const { ownerMask } = layout;
const dirty = layout.dirty | 0;
const contended = layout.contended | 0;

const onContention = channel('multiproc:contention');
const onOwnerDied = channel('multiproc:owner-died');

/** Words for the fast path of a closed object: no compare-and-swap on them ever succeeds. */
export const closedWords: Int32Array = new Int32Array([-1, -1]);

const states = new Map<string, LockState>();

export class LockState {
  readonly block: Block;
  readonly words: Int32Array;
  /** Index of the lock word in `words`; the depth of an RLock follows it. */
  readonly index: number;
  /** The task of this thread that holds an RLock, and its depth. Unused by a Lock. */
  holder: object | undefined;
  depth = 0;

  readonly #key: string;
  readonly #queue: WaitQueue;
  #wakers: Waker[] = [];
  #users = 0;
  readonly #row = new GivingWay();

  private constructor(block: Block, key: string) {
    this.block = block;
    this.words = block.segment.words;
    this.index = (block.body + layout.wordOffset) / 4;
    this.#key = key;
    this.#queue = new WaitQueue(TargetKind.lock, block, 0, () => this.#free());
  }

  /** The state of the lock in the block. Every object that asks for it must {@link leave} it. */
  static of(block: Block): LockState {
    const key = `${block.segment.inode}:${block.body}`;
    let state = states.get(key);
    if (state === undefined) {
      state = new LockState(block.retain(), key);
      states.set(key, state);
    }
    state.#users++;
    return state;
  }

  /** An object for this lock is closed: its waiting tasks fail. */
  leave(owner: object, reason: unknown): void {
    this.#queue.failAll(owner, reason);
    if (--this.#users > 0) return;
    this.#wake();
    states.delete(this.#key);
    this.#queue.dispose();
    this.block.release();
  }

  /** A plain read, which is cheaper: only this thread stores its own id. */
  get heldHere(): boolean {
    return ((this.words[this.index] as number) & ownerMask) === me;
  }

  /** Whether a waker is to be called when the lock is free: then it must be released by {@link giveBack}. */
  get owes(): boolean {
    return this.#wakers.length > 0;
  }

  get locked(): boolean {
    return this.owner !== 0;
  }

  /** The participant that holds it; 0 if it is free, or its holder is dead. */
  get owner(): number {
    const owner = Atomics.load(this.words, this.index) & ownerMask;
    return owner === 0 || owner === me || !native.isDead(owner) ? owner : 0;
  }

  get ownerDied(): boolean {
    return (Atomics.load(this.words, this.index) & dirty) !== 0;
  }

  /** Clears the mark of a dead owner. `false` if this thread does not hold the lock. */
  markConsistent(): boolean {
    return native.lockMarkConsistent(this.block.segment.id, this.block.body);
  }

  /** Takes it if it is free or its owner is dead. */
  tryTake(): boolean {
    if (!native.lockTry(this.block.segment.id, this.block.body)) return false;
    this.#taken();
    return true;
  }

  /**
   * Blocks the thread until the lock is taken; `false` when the deadline has passed.
   *
   * @throws MultiprocError `EDEADLK` if this thread holds it and nothing would end the wait
   */
  takeSync(deadline: number): boolean {
    if (this.tryTake()) return true;
    if (deadline <= 0) return false;
    // The native wait for our tasks must not win what this thread blocks for. If it has just done so, that is ours now:
    // no task knows of it yet.
    if (this.#queue.disarm(true) === 0) {
      this.#queue.armLater();
      return true;
    }
    if (deadline === Infinity && this.heldHere) {
      this.#queue.armLater();
      throw deadlock();
    }
    const started = onContention.hasSubscribers ? now() : 0;
    const taken = native.lockAcquire(this.block.segment.id, this.block.body, deadline);
    if (taken) {
      this.#queue.armLater();
      this.#waited(started);
    } else {
      this.#queue.arm();
    }
    return taken;
  }

  /** Queues a task for it. `false` when the deadline has passed; rejects with the signal's reason. */
  async take(owner: object, wait: ParsedWait): Promise<boolean> {
    const started = onContention.hasSubscribers ? now() : 0;
    const { heldHere } = this;
    // The mark sends our own release to the slow path, which looks at the queue.
    if (heldHere) this.markContended();
    const taken = (await this.#queue.wait(owner, wait, heldHere)) === 0;
    if (taken) this.#waited(started);
    return taken;
  }

  /** Gives it to the oldest task of this thread, or frees it. `false` if it was free. */
  giveBack(): boolean {
    const { heldHere } = this;
    // Somebody may release what was just won for a task that does not know it yet: first it is that task's.
    if (heldHere) this.#queue.deliverEarly();
    if (heldHere && this.#queue.length > 0 && !this.#row.isDue()) {
      this.#queue.settleOldest(0);
      return true;
    }
    const woken = this.#free();
    if (woken < 0) return false;
    if (this.#queue.length > 0) this.#passOn(woken);
    else if (heldHere && woken > 0 && this.#row.isDue()) this.#giveWay();
    return true;
  }

  /** Calls the waker when the lock, which is held here, is free. */
  oweTo(waker: Waker): void {
    if (!this.#wakers.includes(waker)) this.#wakers.push(waker);
  }

  /** For a native call that frees it, wakes for this one waker, and blocks: no task of the thread must get the lock. */
  lend(waker: Waker): void {
    this.#queue.disarm();
    if (!this.owes) return;
    if (this.#wakers.length === 1 && this.#wakers[0] === waker) this.#wakers.pop();
    else this.#wake();
  }

  /** Takes it after such a wait, however long that takes. */
  async regain(owner: object): Promise<void> {
    if (!this.tryTake()) await this.take(owner, forEver);
  }

  regainSync(held: boolean): void {
    if (held) this.#taken();
    else this.takeSync(Infinity);
    this.#queue.armLater();
  }

  /** In the child of a fork: what the parent's tasks hold is not ours. */
  forget(): void {
    this.holder = undefined;
    this.depth = 0;
    this.#row.reset();
    this.#wakers = [];
  }

  /** Returns the number of woken waiters; −1 if it was free. */
  #free(): number {
    const woken = native.lockRelease(this.block.segment.id, this.block.body);
    if (this.owes) this.#wake();
    return woken;
  }

  #wake(): void {
    for (const waker of this.#wakers.splice(0)) waker.wake();
  }

  /**
   * After enough releases in a row, waiters of other threads go first. Without any, this thread's tasks continue at
   * once.
   */
  #passOn(woken: number): void {
    this.#row.reset();
    if (woken === 0 && native.lockTry(this.block.segment.id, this.block.body)) {
      this.markContended();
      this.#queue.settleOldest(0);
    } else {
      this.#queue.arm();
    }
  }

  #giveWay(): void {
    this.#row.reset();
    native.lockGiveWay(this.block.segment.id, this.block.body);
  }

  /** Sends the release by the holder to {@link giveBack}. */
  markContended(): void {
    for (;;) {
      const word = Atomics.load(this.words, this.index);
      if ((word & ownerMask) !== me || (word & contended) !== 0) return;
      if (Atomics.compareExchange(this.words, this.index, word, word | contended) === word) return;
    }
  }

  #waited(started: number): void {
    this.#row.reset();
    this.#taken();
    if (started !== 0) onContention.publish({ name: this.block.name, waitedMs: now() - started });
  }

  #taken(): void {
    if (onOwnerDied.hasSubscribers && this.ownerDied) onOwnerDied.publish({ name: this.block.name });
  }
}

function deadlock(): MultiprocError {
  return new MultiprocError('This thread holds the lock already and would wait for itself for ever', {
    code: 'EDEADLK',
  });
}

onReattach(() => {
  for (const state of states.values()) state.forget();
});
