/** A dead letter of a joinable queue: a message that is not delivered any more, until it is told to. */
import { ValueError } from '../errors.js';
import { finish } from '../serialize/records.js';
import type { Ticket } from './deliveries.js';
import type { GetEnd } from './get-end.js';

/** What `deadLetters()` lists. */
export class DeadLetter<T = unknown> {
  /** How often it was delivered. */
  readonly attempts: number;
  readonly #end: GetEnd;
  readonly #ticket: Ticket;
  readonly #value: unknown;
  readonly #reason: unknown;
  readonly #why: string;

  /** @internal */
  constructor(end: GetEnd, ticket: Ticket, value: unknown, why: string, reason: unknown) {
    this.#end = end;
    this.#ticket = ticket;
    this.#value = value;
    this.#why = why;
    this.#reason = reason;
    this.attempts = ticket.attempts;
  }

  /** The value that was put, made anew each time. Throws what deserialising it throws. */
  get value(): T {
    return finish(this.#value) as T;
  }

  /** What `fail(reason)` was given; else in words why it is dead, such as `'its consumer died or ended'`. */
  get reason(): unknown {
    return this.#reason === undefined ? this.#why : finish(this.#reason);
  }

  /**
   * Has it delivered again, behind the messages that wait, as if it were new: its attempts are counted from 1.
   *
   * @throws ValueError if it is gone: another call, perhaps of another process, was first
   */
  retry(): void {
    if (!this.#end.change((deliveries) => deliveries.revive(this.#ticket))) throw gone();
  }

  /** Drops it. @throws ValueError if it is gone, as for {@link retry} */
  discard(): void {
    if (!this.#end.change((deliveries) => deliveries.discard(this.#ticket))) throw gone();
  }
}

function gone(): ValueError {
  return new ValueError('The dead letter is gone: it was delivered again, or dropped, by another call');
}
