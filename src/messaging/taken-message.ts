/** A message of a joinable queue as its consumer has it: open until it is acknowledged, given back or given up. */
import { LeaseExpiredError, ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { checkedBy } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { Settled } from './deliveries.js';
import type { Delivery } from './delivery.js';
import type { Settlement } from './get-end.js';
import { type Parcel, pack } from './parcel.js';

/** Options of {@link TakenMessage.retry}. */
export interface RetryOptions {
  /** Milliseconds for which the message is not delivered, a non-negative integer; by default 0. */
  delay?: number | undefined;
}

/** The longest delay, in milliseconds: about 35,000 years. */
const maxDelay = 2 ** 50;

const retryOptions = new OptionTable<RetryOptions>({
  delay: checkedBy<number>((delay) => {
    if (Number.isSafeInteger(delay) && (delay as number) >= 0 && (delay as number) <= maxDelay) return;
    const error = typeof delay === 'number' ? RangeError : TypeError;
    throw new error(`Expected "delay" to be a non-negative integer of milliseconds, got ${describe(delay)}`);
  }),
});

/**
 * A message that `take()` gave. Its consumer has it open until one of {@link done}, {@link retry} and {@link fail}, which name
 * this very message: any number may be open at a time, and settled in any order. When the consumer's thread or process
 * dies or ends with the message open, the queue delivers it again, if it has `redeliver`.
 *
 * With `using message = await queue.take()` a message that is still open at the end of the block is given back, as by
 * `retry()`.
 *
 * It belongs to the thread that took it: it does not travel to others, and its copy in the child of a fork settles nothing.
 */
export class TakenMessage<T = unknown> {
  readonly #delivery: Delivery;
  readonly #lease: number;

  /** @internal */
  constructor(delivery: Delivery, lease: number) {
    this.#delivery = delivery;
    this.#lease = lease;
  }

  /** @internal */
  static [Symbol.for('multiproc.serialize')](): never {
    throw new TypeError(
      'A message that was taken belongs to the thread that took it: send its value, and settle the message here',
    );
  }

  /**
   * The value that was put; the same each time.
   *
   * @throws what deserialising it throws; the message is open all the same, for `fail(error)` for example
   */
  get value(): T {
    return this.#delivery.read() as T;
  }

  /** How often the message was delivered, this time included. */
  get attempts(): number {
    return this.#delivery.ticket.attempts;
  }

  /** Whether it was acknowledged, given back or given up here. A lease may have ended before. */
  get settled(): boolean {
    return this.#delivery.settled;
  }

  /**
   * Acknowledges the message: it is dealt with.
   *
   * @throws LeaseExpiredError `ERR_MULTIPROC_LEASE` if its lease has ended
   * @throws ValueError if it was settled already, or in the child of a fork
   * @throws ClosedError if the queue is closed: that has given it back
   */
  done(): void {
    this.#settle({ form: 'done' });
  }

  /**
   * Gives the message back: it goes behind those that wait now, and is delivered again, perhaps to this consumer. After
   * `maxAttempts` deliveries it becomes a dead letter instead.
   *
   * @throws RangeError for a `delay` that is no non-negative integer; else as {@link done}
   */
  retry(options?: RetryOptions): void {
    retryOptions.check(options, 'retry()');
    this.#settle({ form: 'retry', delay: options?.delay ?? 0 });
  }

  /**
   * Gives the message up: it becomes a dead letter at once, whatever `maxAttempts` is.
   *
   * @param reason kept with the dead letter: an error, a string, any value that can travel
   * @throws TypeError if the reason cannot travel; else as {@link done}
   */
  fail(reason?: unknown): void {
    this.#checkOpen();
    const parcel: Parcel | undefined = reason === undefined ? undefined : pack(reason, 'reason');
    try {
      this.#settle({ form: 'fail', reason: parcel });
    } catch (error) {
      parcel?.cancel();
      throw error;
    }
  }

  /**
   * Begins the lease anew: it ends so many ms after now.
   *
   * @param lease milliseconds, a positive integer; absent: the queue's
   * @throws ValueError if the queue has no lease; else as {@link done}
   */
  extend(lease: number = this.#lease): void {
    if (this.#lease === 0) throw new ValueError('The queue was made without a "lease": there is nothing to extend');
    if (!Number.isSafeInteger(lease) || lease <= 0 || lease > maxDelay) {
      throw new RangeError(`Expected "lease" to be a positive integer of milliseconds, got ${describe(lease)}`);
    }
    this.#settle({ form: 'extend', lease });
  }

  /** Gives the message back if it is open still. Never throws for a lease that has ended, or a queue that is closed. */
  [Symbol.dispose](): void {
    const delivery = this.#delivery;
    if (delivery.settled || !delivery.isOwn || delivery.closed) return;
    delivery.settle({ form: 'retry', delay: 0 });
  }

  #settle(how: Settlement): void {
    this.#checkOpen();
    const outcome = this.#delivery.settle(how);
    if (outcome === Settled.leaseEnded) {
      throw new LeaseExpiredError(
        `The lease of the message (${this.#lease} ms) has ended, and it is offered to others: ` +
          'finish sooner, call extend() meanwhile, or make the queue with a longer "lease"',
      );
    }
    if (outcome === Settled.notYours) throw new ValueError('The message is not open any more');
  }

  #checkOpen(): void {
    if (this.#delivery.settled) {
      throw new ValueError(
        'The message was settled already: done(), retry() and fail() are called once, by one of them',
      );
    }
    if (!this.#delivery.isOwn) {
      throw new ValueError('The message belongs to the process that took it, not to this child of its fork');
    }
  }
}
