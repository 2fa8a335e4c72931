/** Semaphore and BoundedSemaphore in a manager's server. */

import { parseWait, type Wait } from '../../deadline.js';
import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { Waiting } from './call-waiters.js';

export class ManagedSemaphore {
  static readonly kind = 'semaphore';
  readonly #waiting = new Waiting<boolean>();
  readonly #most: number;
  #free: number;

  constructor(value = 1, most = Number.MAX_SAFE_INTEGER) {
    if (!Number.isSafeInteger(value)) throw new TypeError(`Expected "value" to be an integer, got ${describe(value)}`);
    if (value < 0) throw new ValueError(`Expected "value" not to be negative, got ${value}`);
    this.#free = value;
    this.#most = most;
  }

  acquire(wait?: Wait): Promise<boolean> | boolean {
    const { deadline } = parseWait(wait);
    return this.tryAcquire() || this.#waiting.wait(deadline, false);
  }

  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  release(n = 1): void {
    if (!Number.isSafeInteger(n) || n < 1)
      throw new ValueError(`Expected "n" to be a positive integer, got ${describe(n)}`);
    if (this.#free + n > this.#most) throw new ValueError('The semaphore was released too often');
    // By the number of waits, not by `n`, which a client may choose as large as it likes.
    let left = n;
    while (left > 0 && this.#waiting.tellOne(true) !== undefined) left--;
    this.#free += left;
  }

  getValue(): number {
    return this.#free;
  }
}

export class ManagedBoundedSemaphore extends ManagedSemaphore {
  constructor(value = 1) {
    super(value, value);
  }
}
