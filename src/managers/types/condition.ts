/** Condition in a manager's server. */

import { parseWait, type Wait } from '../../deadline.js';
import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { type CurrentCall, callBy, currentCall, takeBack } from './call-context.js';
import { Waiting } from './call-waiters.js';
import { ManagedLock, ManagedRLock } from './lock.js';

export class ManagedCondition {
  static readonly kind = 'condition';
  readonly #lock: ManagedLock;
  readonly #waiting = new Waiting<boolean>();

  constructor(lock: unknown = new ManagedRLock()) {
    if (!(lock instanceof ManagedLock)) throw new TypeError('Expected "lock" to be a Lock or RLock of this manager');
    this.#lock = lock;
  }

  acquire(wait?: Wait): Promise<boolean> | boolean {
    return this.#lock.acquire(wait);
  }

  tryAcquire(): boolean {
    return this.#lock.tryAcquire();
  }

  release(): void {
    this.#lock.release();
  }

  locked(): boolean {
    return this.#lock.locked();
  }

  ownerDied(): boolean {
    return this.#lock.ownerDied();
  }

  markConsistent(): void {
    this.#lock.markConsistent();
  }

  async wait(wait?: Wait): Promise<boolean> {
    const call = currentCall();
    this.#checkHeld(call);
    const { deadline } = parseWait(wait);
    const depth = this.#lock.releaseAll();
    try {
      return await this.#waiting.wait(deadline, false, call);
    } finally {
      // Who gives up waiting has the lock again, too.
      if (!call.caller.ended) await this.#reacquire(call, depth);
    }
  }

  notify(n = 1): void {
    this.#checkHeld(currentCall());
    if (!Number.isSafeInteger(n) || n < 0)
      throw new ValueError(`Expected "n" to be a positive integer, got ${describe(n)}`);
    for (let i = 0; i < n; i++) if (this.#waiting.tellOne(true) === undefined) return;
  }

  notifyAll(): void {
    this.notify(this.#waiting.length);
  }

  getValue(): never {
    throw new TypeError('A condition has no value to copy');
  }

  async #reacquire(call: CurrentCall, depth: number): Promise<void> {
    // Only the end of the client takes this wait back.
    const again = callBy(call.caller);
    const got = this.#lock.acquireFor(again, depth);
    call.cancel = () => {
      if (call.caller.ended) takeBack(again);
    };
    await got;
  }

  #checkHeld({ caller }: CurrentCall): void {
    if (!this.#lock.isHeldBy(caller)) throw new ValueError('The lock of the condition is not held by the caller');
  }
}
