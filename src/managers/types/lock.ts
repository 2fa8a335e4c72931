/** Lock and RLock in a manager's server. The owner is a client's thread; when it ends, its locks are given back. */
import { parseWait, type Wait } from '../../deadline.js';
import { ValueError } from '../../errors.js';
import { type Caller, type CurrentCall, currentCall, type Holdable } from './call-context.js';
import { Waiting } from './call-waiters.js';

export class ManagedLock implements Holdable {
  static readonly kind = 'lock';
  readonly waiting = new Waiting<boolean>();
  #owner: Caller | undefined;
  #depth = 0;
  /** How deep those who wait will hold it. */
  readonly #depths = new WeakMap<CurrentCall, number>();
  #ownerDied = false;

  /** Whether who has it may take it again. */
  get recursive(): boolean {
    return false;
  }

  acquire(wait?: Wait): Promise<boolean> | boolean {
    return this.acquireFor(currentCall(), 1, parseWait(wait).deadline);
  }

  tryAcquire(): boolean {
    return this.#take(currentCall().caller, 1);
  }

  release(): void {
    const { caller } = currentCall();
    if (this.#owner === undefined) throw new ValueError('The lock is not held');
    if (this.recursive && this.#owner !== caller) throw new ValueError('The lock is held by somebody else');
    if (--this.#depth === 0) this.#free();
  }

  locked(): boolean {
    return this.#owner !== undefined;
  }

  /** Whether a holder ended while it held the lock, until {@link markConsistent}. */
  ownerDied(): boolean {
    return this.#ownerDied;
  }

  markConsistent(): void {
    if (!this.isHeldBy(currentCall().caller)) throw new ValueError('The lock is not held by the caller');
    this.#ownerDied = false;
  }

  isHeldBy(caller: Caller): boolean {
    return this.#owner === caller;
  }

  /** For who has held it so deep before. */
  acquireFor(call: CurrentCall, depth: number, deadline = Infinity): Promise<boolean> | boolean {
    if (this.#take(call.caller, depth)) return true;
    this.#depths.set(call, depth);
    return this.waiting.wait(deadline, false, call);
  }

  /** Gives it up, however often it was taken. How often that was. */
  releaseAll(): number {
    const depth = this.#depth;
    this.#depth = 0;
    this.#free();
    return depth;
  }

  forsake(caller: Caller): void {
    if (this.#owner !== caller) return;
    this.#ownerDied = true;
    this.releaseAll();
  }

  getValue(): never {
    throw new TypeError('A lock has no value to copy');
  }

  #take(caller: Caller, depth: number): boolean {
    if (this.#owner === undefined) this.#own(caller, depth);
    else if (this.recursive && this.#owner === caller) this.#depth += depth;
    else return false;
    return true;
  }

  #own(caller: Caller, depth: number): void {
    this.#owner = caller;
    this.#depth = depth;
    caller.holdings.add(this);
  }

  #free(): void {
    this.#owner?.holdings.delete(this);
    this.#owner = undefined;
    const next = this.waiting.first;
    if (next === undefined) return;
    this.#own(next.caller, this.#depths.get(next) ?? 1);
    this.waiting.tellOne(true);
  }
}

export class ManagedRLock extends ManagedLock {
  override get recursive(): boolean {
    return true;
  }
}
