/** Condition: releases a lock and waits until a holder of the lock notifies. */

import { inspect } from 'node:util';
import { now, type ParsedWait, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { layout, native } from '../native.js';
import { describe } from '../options/describe.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  Block,
  BlockKind,
  blockOf,
  closedError,
  givenLockFlag,
  type Mode,
  type NameOptions,
  nameOf,
  nameOptions,
  type Shape,
} from '../shared/block.js';
import { textForm } from '../shared/text-form.js';
import { heldByCaller, letGo, regain } from './borrowing.js';
import { carriedLock, carry, carryingSize, checkCarried } from './carried-lock.js';
import { ConditionState } from './condition-state.js';
import type { Hold } from './hold.js';
import { Lock } from './lock.js';
import { RLock } from './rlock.js';

const everybody = 0xffffffff;

/**
 * A condition variable; mirrors `multiprocessing.Condition`.
 *
 * A wait releases the lock, at whatever depth it is held, and takes it again when the wait ends, also after a time-out
 * or a signal. `notify` does not wait; waits of the dead are skipped, and notifications that they had not used pass to
 * other waiters.
 */
export class Condition {
  #state: ConditionState | undefined;
  readonly #block: Block;
  readonly #lock: Lock | RLock;
  /** Whether the lock is the user's, who may use it elsewhere. */
  readonly #shared: boolean;

  /**
   * Makes an anonymous condition, or opens the named one, which is made if it is missing.
   *
   * @param lock the lock to use, for a named condition a named one; absent: an RLock inside the condition. A named
   *   condition that exists has the lock that it was made with, also where none is given
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else, or to a
   *   condition that was made with another lock or none
   */
  constructor(lock?: Lock | RLock | null, options?: NameOptions);
  /** @internal */
  constructor(lock: Lock | RLock | null | undefined, block: Block);
  constructor(lock?: Lock | RLock | null, options?: NameOptions | Block) {
    refuseClones(this);
    this.#block = options instanceof Block ? options : obtain('open-or-create', lock, options);
    this.#shared = lock !== undefined && lock !== null;
    this.#lock = lock ?? lockOf(this.#block);
    this.#state = ConditionState.of(this.#block);
  }

  /** Makes a condition that must not exist yet: `EEXIST`. */
  static create(lock?: Lock | RLock | null, options?: NameOptions): Condition {
    return new Condition(lock, obtain('create', lock, options));
  }

  /**
   * Opens a condition that must exist: `ENOENT`. Its lock is the one that it was made with.
   *
   * @throws MultiprocError `ERR_MULTIPROC_KIND` for a `lock` that is another one
   */
  static open(name: string, lock?: Lock | RLock | null): Condition {
    const given = checkLock(lock);
    const block = Block.open(name, BlockKind.condition);
    if (given !== undefined) checkCarried(block, given);
    return new Condition(given, block);
  }

  /** Removes the name; processes that have the condition open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous condition. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /** Takes the lock: see {@link RLock.acquire}. */
  acquire(wait?: Wait): Promise<boolean> {
    return this.#lock.acquire(wait);
  }

  /** Takes the lock, blocking the thread. */
  acquireSync(wait?: Wait): boolean {
    return this.#lock.acquireSync(wait);
  }

  /** Takes the lock if that is possible at once. */
  tryAcquire(): boolean {
    return this.#lock.tryAcquire();
  }

  /** Gives the lock back. */
  release(): void {
    this.#lock.release();
  }

  /** Whether a living thread holds the lock. */
  locked(): boolean {
    return this.#lock.locked();
  }

  /** Whether a former holder of the lock died, or ended, while it held it. */
  get ownerDied(): boolean {
    return this.#lock.ownerDied;
  }

  /** Says that what the lock protects is in order again. */
  markConsistent(): void {
    this.#lock.markConsistent();
  }

  /** Runs `fn` while the lock is held, and returns its result. Inside, `wait` and `notify` may be called. */
  run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    return this.#lock.run(fn, wait);
  }

  /** As {@link run}, blocking the thread. */
  runSync<T>(fn: () => T, wait?: Wait): T {
    return this.#lock.runSync(fn, wait);
  }

  /** Takes the lock for a `using` block. */
  hold(wait?: Wait): Promise<Hold> {
    return this.#lock.hold(wait);
  }

  /** As {@link hold}, blocking the thread. */
  holdSync(wait?: Wait): Hold {
    return this.#lock.holdSync(wait);
  }

  /**
   * Releases the lock, waits for a notification, and takes the lock again, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit. Taking the lock again may take longer.
   * @returns `false` if the time passed; rejects with the signal's reason. The lock is held again in both cases.
   * @throws ValueError if the caller does not hold the lock
   */
  async wait(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    return this.#wait(parsed);
  }

  /** As {@link Condition.wait}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  waitSync(wait?: Wait): boolean {
    return this.#waitSync(parseSyncWait(wait));
  }

  /**
   * Waits until `predicate` returns (or resolves to) something true. It is called with the lock held, at least once.
   *
   * @param wait how long the whole call may take
   * @returns `false` if the time passed before it did
   */
  async waitFor(predicate: () => unknown, wait?: Wait): Promise<boolean> {
    checkPredicate(predicate);
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    this.#checkHeld();
    let result = await predicate();
    while (!result && now() < parsed.deadline) {
      await this.#wait(parsed);
      result = await predicate();
    }
    return Boolean(result);
  }

  /** As {@link waitFor}, blocking the thread; `predicate` is synchronous: a promise from it is a TypeError. */
  waitForSync(predicate: () => unknown, wait?: Wait): boolean {
    checkPredicate(predicate);
    const deadline = parseSyncWait(wait);
    this.#checkHeld();
    let result = atOnce(predicate());
    while (!result && now() < deadline) {
      this.#waitSync(deadline);
      result = atOnce(predicate());
    }
    return Boolean(result);
  }

  /**
   * Wakes `n` waits, if there are so many; which ones is not defined.
   *
   * @throws ValueError if the caller does not hold the lock, or for a negative `n`
   */
  notify(n = 1): void {
    if (typeof n !== 'number' || !Number.isInteger(n)) {
      throw new TypeError(`Expected "n" to be an integer, got ${describe(n)}`);
    }
    if (n < 0) throw new ValueError(`Expected "n" to be 0 or more, got ${n}`);
    this.#checkHeld().notify(Math.min(n, everybody), this.#lock);
  }

  /** Wakes all waiters. @throws ValueError if the caller does not hold the lock */
  notifyAll(): void {
    this.#checkHeld().notify(everybody, this.#lock);
  }

  /** Lets go of the condition in this process, and of a lock of its own. Waits that are pending here fail. Idempotent. */
  close(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    state.failAll(this, closedError('Condition'));
    if (!this.#shared) this.#lock.close();
    state.drop();
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous condition. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [inspect.custom](): string {
    if (this.#state === undefined) return textForm(this, undefined);
    const waiting = native.conditionWaiting(this.#block.segment.id, this.#block.body);
    return textForm(this, [inspect(this.#lock), String(waiting)]);
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    const given = (this.#block.flags & givenLockFlag) !== 0;
    return this.#block.depart(HandleKind.condition, 0, given ? [this.#lock] : []);
  }

  get #open(): ConditionState {
    if (this.#state === undefined) throw closedError('Condition');
    return this.#state;
  }

  #checkHeld(): ConditionState {
    const state = this.#open;
    if (!this.#lock[heldByCaller]()) throw new ValueError('The condition is used without holding its lock');
    return state;
  }

  async #wait(wait: ParsedWait): Promise<boolean> {
    const state = this.#checkHeld();
    if (now() >= wait.deadline) return false;
    state.enter();
    state.retain();
    let notified = false;
    try {
      const waiting = state.wait(this, wait);
      const saved = this.#lock[letGo]();
      try {
        notified = await waiting;
      } finally {
        // Closed meanwhile: there is no lock to take again, and the call fails.
        if (this.#state !== undefined) await this.#lock[regain](saved);
      }
      if (notified) state.consume();
      return notified;
    } catch (error) {
      if (notified) state.passOn();
      throw error;
    } finally {
      state.drop();
    }
  }

  #waitSync(deadline: number): boolean {
    const state = this.#checkHeld();
    if (deadline !== Infinity && now() >= deadline) return false;
    return state.waitSync(this.#lock, deadline);
  }
}
isNoData(Condition);

registerArrival(HandleKind.condition, (handle) => {
  return new Condition(handle.nested[0] as Lock | RLock | undefined, Block.arrive(handle, BlockKind.condition));
});

/** The lock of a condition that none is given for. */
function lockOf(block: Block): Lock | RLock {
  if ((block.flags & givenLockFlag) === 0) return RLock.over(block);
  try {
    return carriedLock(block);
  } catch (error) {
    block.release();
    throw error;
  }
}

function obtain(mode: Mode, lock: unknown, options: NameOptions | undefined): Block {
  const given = checkLock(lock);
  nameOptions.check(options, 'Condition');
  if (given !== undefined && nameOf(options) !== undefined && given.name === undefined) {
    throw new ValueError('A named condition needs a named lock, or one of its own');
  }
  const shape: Shape = {
    kind: BlockKind.condition,
    type: 0,
    flags: given === undefined ? 0 : givenLockFlag,
    length: 0,
    size: given === undefined ? layout.conditionOffset + layout.conditionSize : carryingSize,
  };
  const block = Block.obtain(mode, shape, options, (made) => {
    if (given !== undefined) carry(made, given);
  });
  if (given !== undefined && block.name !== undefined) checkCarried(block, given);
  return block;
}

/** `undefined` for none. */
function checkLock(lock: unknown): Lock | RLock | undefined {
  if (lock === undefined || lock === null) return undefined;
  if (lock instanceof Lock || lock instanceof RLock) return lock;
  throw new TypeError(`Expected "lock" to be a Lock or an RLock, got ${describe(lock)}`);
}

function checkPredicate(predicate: unknown): void {
  if (typeof predicate !== 'function') throw new TypeError(`Expected "predicate" to be a function`);
}

/** A promise would pass for something true. */
function atOnce(result: unknown): unknown {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return result;
  throw new TypeError('Expected "predicate" to be synchronous, but it returned a promise');
}
