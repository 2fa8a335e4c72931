/** One delivery of a message that is kept until it is acknowledged: its value, and what names it in the queue. */
import { me } from '../lifecycle/participant.js';
import { Later } from '../serialize/records.js';
import { Settled, type Ticket } from './deliveries.js';
import type { GetEnd, Settlement } from './get-end.js';

const noBytes = Buffer.alloc(0);
const unread: unique symbol = Symbol('unread');

export class Delivery extends Later {
  readonly ticket: Ticket;
  /** The participant that took it. */
  readonly owner: number;
  /** It was taken by `take`, not by `get`. */
  readonly named: boolean;
  /** It was acknowledged, given back or given up here. */
  settled = false;
  readonly #end: GetEnd;
  /** As it came from the queue, until it is read. */
  #raw: unknown;
  #value: unknown = unread;

  constructor(end: GetEnd, owner: number, ticket: Ticket, raw: unknown, named: boolean) {
    super(noBytes);
    this.kept = true;
    this.#end = end;
    this.owner = owner;
    this.ticket = ticket;
    this.#raw = raw;
    this.named = named;
  }

  /** The same value each time. Throws what deserialising throws, each time. */
  override read(): unknown {
    if (this.#value !== unread) return this.#value;
    const raw = this.#raw;
    return this.#keep(raw instanceof Later ? raw.read() : raw);
  }

  override readLater(): Promise<unknown> | undefined {
    const raw = this.#raw;
    if (this.#value !== unread || !(raw instanceof Later)) return undefined;
    return raw.readLater()?.then((value) => this.#keep(value));
  }

  /** Whether the value was read and is this one. */
  has(value: unknown): boolean {
    return this.#value !== unread && Object.is(this.#value, value);
  }

  /** Whether it was taken by this process: the child of a fork has a copy. */
  get isOwn(): boolean {
    return this.owner === me;
  }

  /** Whether the queue is closed here. */
  get closed(): boolean {
    return this.#end.isClosed;
  }

  settle(how: Settlement): Settled {
    const outcome = this.#end.settleTaken(this.owner, this.ticket, how);
    if (how.form !== 'extend' || outcome !== Settled.done) {
      this.#end.openHere.delete(this);
      this.settled = outcome === Settled.done;
    }
    return outcome;
  }

  #keep(value: unknown): unknown {
    this.#value = value;
    this.#raw = undefined;
    return value;
  }
}
