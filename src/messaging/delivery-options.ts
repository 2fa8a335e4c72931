/** How a joinable queue delivers: its options, checked. */
import { describe } from '../options/describe.js';
import { boolean, checkedBy, type Kind } from '../options/kinds.js';
import type { Fields } from '../options/table.js';
import type { DeliveryRules } from '../shared/delivery-layout.js';
import { checkName } from '../shared/names.js';
import type { Queue } from './queue.js';

/** Options of {@link JoinableQueue} about messages that are not acknowledged. */
export interface DeliveryOptions {
  /**
   * What a consumer took and did not acknowledge before it died or ended is delivered again, behind the messages that wait
   * then; by default it counts as done. Until they are acknowledged, messages take memory of their own, `capacity` bytes at
   * most: a `take` or `get` without room fails with `ENOSPC`. The options below imply it.
   */
  redeliver?: boolean | undefined;
  /**
   * How often a message is delivered at most. When the last consumer gives it back, dies or exceeds its lease, it becomes a
   * dead letter. A positive integer; by default there is no limit.
   */
  maxAttempts?: number | undefined;
  /**
   * Milliseconds, a positive integer, for which a consumer has a message: then it is offered to others, though the consumer
   * lives, and the consumer's own `done()`, `retry()` and `fail()` throw {@link LeaseExpiredError}. `extend()` begins the lease
   * anew. By default there is no limit. Measured on the system's monotonic clock.
   */
  lease?: number | undefined;
  /**
   * Where dead letters go: a queue of any class, or the name of one, which is opened when the first goes there, and made as a
   * {@link Queue} if it is missing. By default they are kept here, for `deadLetters()`. A queue that is full or has ended gets
   * them later.
   */
  deadLetter?: string | Queue | undefined;
}

export const deliveryFields: Fields<DeliveryOptions> = {
  redeliver: boolean,
  maxAttempts: count<number>(2 ** 31 - 1),
  lease: count<number>(2 ** 50),
  deadLetter: checkedBy<string | Queue>((value) => {
    if (typeof value === 'string') checkName(value);
    else if (typeof value !== 'object' || value === null || !('ring' in value)) {
      throw new TypeError(`Expected "deadLetter" to be a queue or the name of one, got ${describe(value)}`);
    }
  }),
};

/** What checked options say, for the words of the queue. */
export function deliveryOf(options: DeliveryOptions | undefined): {
  redeliver: boolean;
  rules: Partial<DeliveryRules>;
} {
  const { redeliver, maxAttempts, lease, deadLetter } = options ?? {};
  const implying = Object.entries({ maxAttempts, lease, deadLetter }).find(([, value]) => value !== undefined);
  if (implying !== undefined && redeliver === false) {
    throw new TypeError(`"${implying[0]}" is for queues that deliver again: leave "redeliver: false" out`);
  }
  const rules: { -readonly [rule in keyof DeliveryRules]?: DeliveryRules[rule] } = {};
  if (maxAttempts !== undefined) rules.maxAttempts = maxAttempts;
  if (lease !== undefined) rules.lease = lease;
  const name = typeof deadLetter === 'string' ? deadLetter : deadLetter?.name;
  if (name !== undefined) rules.deadLetter = checkName(name);
  return { redeliver: redeliver ?? implying !== undefined, rules };
}

function count<T>(max: number): Kind<T> {
  return checkedBy<T>((value, option) => {
    if (Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max) return;
    const error = typeof value === 'number' ? RangeError : TypeError;
    throw new error(`Expected "${option}" to be a positive integer, got ${describe(value)}`);
  });
}
