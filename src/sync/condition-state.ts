/** The state of one condition in this thread, shared by all its objects for it: its waiting tasks. */
import type { ParsedWait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { onReattach } from '../lifecycle/participant.js';
import { native, TargetKind } from '../native.js';
import type { Block } from '../shared/block.js';
import { type Lent, lend, oweTo, regainSync, type Waker } from './borrowing.js';
import type { Lock } from './lock.js';
import type { RLock } from './rlock.js';
import { missed, WaitQueue } from './wait-queue.js';

const states = new Map<string, ConditionState>();

const notified = 1;
const held = 2;

export class ConditionState implements Waker {
  readonly block: Block;
  readonly #key: string;
  readonly #queue: WaitQueue;
  #users = 0;
  /** Notified waits of this thread that know it and do not hold the lock again yet. */
  #claimed = 0;

  private constructor(block: Block, key: string) {
    this.block = block;
    this.#key = key;
    this.#queue = new WaitQueue(TargetKind.condition, block, 0, () => this.#claimed--);
    this.#queue.live = { argument: () => this.#claimed, claim: () => this.#claimed++ };
  }

  /** The state of the condition in the block. Every object and wait that asks for it must {@link drop} it. */
  static of(block: Block): ConditionState {
    const key = `${block.segment.inode}:${block.body}`;
    let state = states.get(key);
    if (state === undefined) {
      state = new ConditionState(block.retain(), key);
      states.set(key, state);
    }
    return state.retain();
  }

  /** A wait in progress needs it, also if the condition is closed meanwhile. */
  retain(): this {
    this.#users++;
    return this;
  }

  drop(): void {
    // The memory may be gone when the lock is free.
    if (this.#users === 1) this.wake();
    if (--this.#users > 0) return;
    states.delete(this.#key);
    this.#queue.dispose();
    this.block.release();
  }

  /** Fails the tasks that wait through this object, which is being closed. */
  failAll(owner: object, reason: unknown): void {
    this.#queue.failAll(owner, reason);
  }

  /**
   * One more wait. The caller holds the lock.
   *
   * @throws ValueError if 65,535 waits of this thread are pending
   */
  enter(): void {
    if (native.conditionEnter(this.block.segment.id, this.block.body)) return;
    throw tooMany();
  }

  /** Waits until it is notified; `false` when the deadline has passed. Rejects with the signal's reason. */
  async wait(owner: object, wait: ParsedWait): Promise<boolean> {
    try {
      return (await this.#queue.wait(owner, wait, false)) !== missed || this.#leave();
    } catch (error) {
      // A notification that has just arrived is for another waiter.
      if (this.#leave()) this.passOn();
      throw error;
    }
  }

  /**
   * Frees the lock, however deep it is held, blocks until it is notified, and takes the lock again; `false` when the
   * deadline has passed.
   *
   * @throws ValueError as {@link enter}
   */
  waitSync(lock: Lock | RLock, deadline: number): boolean {
    // The native wait for our tasks would be won by the same signal.
    this.#queue.disarm();
    const lent = lock[lend](this);
    const outcome = this.#waitNatively(lent, deadline);
    lock[regainSync](lent, outcome < 0 || (outcome & held) !== 0);
    if (outcome === notified) native.conditionConsume(this.block.segment.id, this.block.body);
    this.#queue.arm();
    if (outcome < 0) throw tooMany();
    return (outcome & notified) !== 0;
  }

  /** A notified wait has the lock again. */
  consume(): void {
    this.#claimed--;
    native.conditionConsume(this.block.segment.id, this.block.body);
    // The native wait knows an older count.
    this.#queue.disarm();
    this.#queue.arm();
  }

  /** A notified wait will not use its notification. */
  passOn(): void {
    this.consume();
    if (native.conditionNotify(this.block.segment.id, this.block.body, 1)) this.wake();
  }

  /** Notifies. The sleepers are woken when the lock, which the caller holds, is free. */
  notify(count: number, lock: Lock | RLock): void {
    if (native.conditionNotify(this.block.segment.id, this.block.body, count)) lock[oweTo](this);
  }

  /** Wakes who has been notified. */
  wake(): void {
    if (this.#users === 0) return;
    native.conditionWake(this.block.segment.id, this.block.body);
  }

  /** In the child of a fork: these waits are the parent's. */
  forget(): void {
    this.#claimed = 0;
  }

  #waitNatively(lent: Lent, deadline: number): number {
    const { segment, body } = this.block;
    return native.conditionWait(segment.id, body, lent.block.segment.id, lent.block.body, this.#claimed, deadline);
  }

  /** Gives a wait up. Whether it has been notified meanwhile. */
  #leave(): boolean {
    if (native.conditionLeave(this.block.segment.id, this.block.body, this.#claimed)) return false;
    this.#claimed++;
    return true;
  }
}

function tooMany(): ValueError {
  return new ValueError('65,535 waits of this thread for the condition are pending');
}

onReattach(() => {
  for (const state of states.values()) state.forget();
});
