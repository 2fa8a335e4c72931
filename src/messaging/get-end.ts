/** The end of a ring at which messages are taken: how a record is read, and how it comes to be gone. */
import { now } from '../deadline.js';
import { me } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import { discard } from '../serialize/codec.js';
import { Damage, Later, readRecord, type Window } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { type Block, BlockKind, redeliverFlag } from '../shared/block.js';
import { draining, EndWord, ended, Fact, GetWord, getEnd } from '../shared/ring-layout.js';
import { Deliveries, Settled, type Ticket, takenByGet } from './deliveries.js';
import { Delivery } from './delivery.js';
import type { Extents } from './extents.js';
import type { Parcel } from './parcel.js';
import type { RingMemory } from './ring-block.js';
import { closedError, RingEnd } from './ring-end.js';
import { Unfinished } from './unfinished.js';

const { position, count, otherPosition, nextPosition, nextCount, moving } = EndWord;
const { puttersAsleep, gettersAsleep, joinersAsleep, returned, delayed, state } = Fact;
const { leavingUse } = GetWord;

/** What taking returns when there is nothing. */
export const nothing: unique symbol = Symbol('nothing');
/** What it returns when somebody holds the lock for long. */
export const busy: unique symbol = Symbol('busy');

/** How often those who wait, or take messages, look for consumers that have died; in ms. */
export const buryMs = 100;

/** What becomes of a message that was taken. */
export type Settlement =
  | { readonly form: 'done' }
  | { readonly form: 'retry'; readonly delay: number }
  | { readonly form: 'fail'; readonly reason: Parcel | undefined }
  | { readonly form: 'extend'; readonly lease: number };

/** Reads records with a form of its own, with the lock of the end held. */
export interface RecordReader {
  /** What the record at the unit `at` says, which must be copied. Leaves its size in `window.units`. */
  read(window: Window, at: number, most: number): unknown;
  /** The record will be the `ordinal`-th one that was ever taken, as soon as this returns. */
  claim(ordinal: number): void;
}

export class GetEnd extends RingEnd {
  readonly #extents: Extents;
  #window: Window;
  /** Of a joinable queue: what `get` took, if the messages of the dead count as done. */
  readonly #unfinished: Unfinished | undefined;
  /** Of a joinable queue: messages that are kept until they are acknowledged. */
  readonly #deliveries: Deliveries | undefined;
  /** Whether all messages are kept, and those of dead consumers are delivered again. */
  readonly redelivers: boolean;
  /** The message that is being taken is kept, and named, though the queue does not redeliver. */
  #named = false;
  /** What this object took and did not acknowledge. */
  readonly openHere = new Set<Delivery>();
  #nextLook = 0;

  constructor(block: Block, words: Int32Array, at: number, { extents, capacity, end }: RingMemory) {
    super(block, words, at, getEnd);
    this.#extents = extents;
    this.#window = extents.window(0);
    const joinable = block.kind === BlockKind.joinableQueue;
    this.redelivers = joinable && (block.flags & redeliverFlag) !== 0;
    if (!joinable) return;
    this.#deliveries = new Deliveries(block.segment, words, at, end, capacity, this.redelivers);
    if (!this.redelivers) this.#unfinished = new Unfinished(words, at);
  }

  /** Whether messages may become ready without a notice: {@link look} has to be called now and then. */
  get joinable(): boolean {
    return this.#deliveries !== undefined;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** @throws ClosedError after {@link close} */
  get deliveries(): Deliveries {
    if (this.closed) throw closedError();
    return this.#deliveries as Deliveries;
  }

  /** When {@link look} is due again, at the latest. */
  get nextLook(): number {
    const at = now() + buryMs;
    return this.#deliveries === undefined || this.closed ? at : Math.min(at, this.#deliveries.nextDue);
  }

  /** As {@link take}, by name: what is taken is a {@link Delivery}. */
  takeNamed(deadline: number): unknown {
    this.#named = true;
    try {
      return this.take(deadline);
    } finally {
      this.#named = false;
    }
  }

  /** As {@link takeMany}, by name. */
  takeManyNamed(most: number, deadline: number): unknown[] {
    this.#named = true;
    try {
      return this.takeMany(most, deadline);
    } finally {
      this.#named = false;
    }
  }

  /** Takes the oldest message: its value, or of what `finish` makes it later; {@link nothing}, or {@link busy}. */
  take(deadline: number): unknown {
    const { words, end: get } = this;
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.lock(deadline)) return busy;
    let value: unknown;
    try {
      value = this.#takeOne();
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    }
    if (value === nothing) return nothing;
    if (Atomics.load(words, this.at + puttersAsleep) !== 0) this.wake(puttersAsleep);
    return value;
  }

  /** Takes up to `most` messages under one lock, as {@link take} does. Empty if there are none, or somebody holds the lock for long. */
  takeMany(most: number, deadline: number): unknown[] {
    const { words, end: get } = this;
    const values: unknown[] = [];
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.lock(deadline)) return values;
    try {
      while (values.length < most) {
        const value = this.#takeOne();
        if (value === nothing) break;
        values.push(value);
      }
    } catch (error) {
      // What was taken before is the caller's: whoever comes next meets the error, if it is still there.
      if (values.length === 0) throw error;
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    }
    if (values.length > 0 && Atomics.load(words, this.at + puttersAsleep) !== 0) this.wake(puttersAsleep);
    return values;
  }

  /** Takes the oldest record, which the caller reads; what it returns, {@link nothing}, or {@link busy}. */
  takeRecord(reader: RecordReader, deadline: number): unknown {
    const { words, end: get } = this;
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.lock(deadline)) return busy;
    let value: unknown;
    try {
      value = this.#takeOne(reader);
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    }
    if (value === nothing) return nothing;
    if (Atomics.load(words, this.at + puttersAsleep) !== 0) this.wake(puttersAsleep);
    return value instanceof Damage ? value.read() : value;
  }

  /**
   * Finishes what dead consumers began.
   *
   * @returns `false` if somebody holds the lock for long: a stopped process
   */
  settle(): boolean {
    const { words, end: get } = this;
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.lock(0)) return false;
    if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    return true;
  }

  /** The same for somebody at the other end, if there is anything to finish. */
  repairIfDead(): boolean {
    const { words, end: get } = this;
    const owner = Atomics.load(words, get) & layout.ownerMask;
    if (owner === 0 || owner === me || !native.isDead(owner)) return false;
    if (!native.lockTry(this.block.segment.id, get * 4)) return false;
    this.mendOrUnlock();
    this.unlock();
    return true;
  }

  /** Whether all messages of a joinable queue are acknowledged. */
  get allDone(): boolean {
    if (this.closed) throw closedError();
    return ((Atomics.load(this.words, this.at + Fact.done) - Atomics.load(this.words, this.at + count)) | 0) >= 0;
  }

  /**
   * Acknowledges a message of a joinable queue that does not redeliver: one that this thread took by `get`, else another.
   *
   * @returns `false` if there is none to acknowledge
   */
  acknowledge(): boolean {
    return this.#underLock((deliveries) => {
      const unfinished = this.#unfinished as Unfinished;
      // A message that was given back and taken again by `get` is kept.
      const [again] = unfinished.owes(me) || deliveries.open === 0 ? [] : deliveries.openBy(me);
      if (again !== undefined) return deliveries.done(me, again) === Settled.done;
      // A message is taken as soon as its put is committed, perhaps before it is counted there.
      const taken = Atomics.load(this.words, this.end + count);
      if (this.allDone && ((taken - unfinished.done) | 0) <= 0) return false;
      unfinished.acknowledge(me);
      return true;
    });
  }

  /** What `get` gave to this thread, from whichever object, and is not acknowledged. */
  openByGet(): Ticket[] {
    return this.#underLock((deliveries) => deliveries.openBy(me));
  }

  /** Whether this thread took a message by `get` from a queue that does not redeliver, and did not acknowledge it. */
  get owes(): boolean {
    return this.#unfinished?.owes(me) ?? false;
  }

  /** What this object's `get` gave, and this thread has open still. The first ones were taken first. */
  openGot(): Delivery[] {
    const got = [...this.openHere].filter((delivery) => delivery.isOwn && !delivery.named);
    if (got.length < 2) return got;
    return this.#underLock((deliveries) =>
      got.filter((delivery) => {
        const open = deliveries.isOpen(me, delivery.ticket);
        if (!open) this.openHere.delete(delivery);
        return open;
      }),
    );
  }

  /** Acknowledges a message that another object of this thread took. */
  settleOwn(ticket: Ticket): Settled {
    return this.settleTaken(me, ticket, { form: 'done' });
  }

  /** Gives back what this object took and did not acknowledge. */
  giveBackAll(): void {
    const open = [...this.openHere].filter((delivery) => delivery.isOwn);
    this.openHere.clear();
    if (open.length === 0) return;
    this.#underLock((deliveries) => {
      for (const { ticket } of open) deliveries.retry(me, ticket, 0);
    });
  }

  /** Settles a message that the participant took: acknowledges it, gives it back, gives it up, or begins its lease anew. */
  settleTaken(id: number, ticket: Ticket, how: Settlement): Settled {
    return this.#underLock((deliveries) => {
      switch (how.form) {
        case 'done':
          return deliveries.done(id, ticket);
        case 'retry':
          return deliveries.retry(id, ticket, how.delay);
        case 'fail':
          return deliveries.fail(id, ticket, how.reason);
        case 'extend':
          return deliveries.extend(id, ticket, how.lease);
      }
    });
  }

  /** Does something with the kept messages, under the lock. */
  change<R>(change: (deliveries: Deliveries) => R): R {
    return this.#underLock(change);
  }

  /**
   * Gives back, or counts as done, what dead consumers had, and makes ready what is due. Cheap if there is nothing that
   * somebody has open or that is delayed.
   */
  look(): void {
    const deliveries = this.#deliveries;
    if (deliveries === undefined) return;
    const dead = this.#unfinished?.anyDead() ?? false;
    const forward = deliveries.deadLetters !== undefined && deliveries.dead > 0;
    if (dead || deliveries.open > 0 || deliveries.delayed > 0 || forward) {
      this.#underLock(() => {
        if (dead) this.#unfinished?.bury();
        deliveries.look();
      });
    }
    if (Atomics.load(this.words, this.at + returned) !== 0) this.wake(gettersAsleep);
  }

  /**
   * Whether nothing will come any more for this thread: nothing is put any more, nothing waits or is delayed, and only this
   * thread may have messages open.
   */
  isOver(): boolean {
    if ((Atomics.load(this.words, this.at + state) & ended) !== 0) return true;
    return this.#underLock((deliveries) => {
      deliveries.look();
      if (!this.#drained(deliveries)) return false;
      return deliveries.open === 0 || !deliveries.openElsewhere(me);
    });
  }

  /** Nothing is put any more. With the lock held; `true` if the ring is empty, and nothing is to be delivered again. */
  #drained(deliveries: Deliveries): boolean {
    const { words, at, end: get } = this;
    const empty = words[get + position] === Atomics.load(words, at + position);
    return empty && Atomics.load(words, at + returned) === 0 && deliveries.delayed === 0;
  }

  #underLock<R>(change: (deliveries: Deliveries) => R): R {
    const { deliveries } = this;
    const { words, at, end: get } = this;
    if (Atomics.compareExchange(words, get, 0, me) !== 0) this.lock(Infinity);
    let result: R;
    let over = false;
    try {
      result = change(deliveries);
      over = Atomics.load(words, at + state) === draining && deliveries.open === 0 && this.#drained(deliveries);
      if (over) Atomics.or(words, at + state, ended);
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    }
    for (const bytes of deliveries.settled()) discard(bytes);
    if (over) this.#wakeAll(gettersAsleep);
    else if (Atomics.load(words, at + returned) !== 0) this.wake(gettersAsleep);
    if (this.allDone) this.#wakeAll(joinersAsleep);
    return result;
  }

  #wakeAll(asleep: number): void {
    if (Atomics.exchange(this.words, this.at + asleep, 0) === 0) return;
    native.ringWake(this.block.segment.id, (this.at + asleep) * 4, -1);
  }

  /** Takes a message that was given back, if it comes before the ring's next one. */
  #takeAgain(deliveries: Deliveries): unknown {
    const { words, at: put, end: get } = this;
    const none = words[put + returned] === 0;
    // Where messages are not redelivered, most queues never have any of these.
    if (none && !this.redelivers && deliveries.open === 0 && words[put + delayed] === 0) return nothing;
    const empty = words[get + position] === Atomics.load(words, put + position);
    const at = now();
    if ((empty && none) || at >= this.#nextLook || at >= deliveries.nextDue) {
      this.#nextLook = at + buryMs;
      deliveries.look();
    }
    if (deliveries.ready === 0) return nothing;
    const taken = deliveries.takeReady(me, this.#named ? 0 : takenByGet, empty);
    return taken === undefined ? nothing : this.#opened(taken.ticket, taken.value);
  }

  #takeOne(reader?: RecordReader): unknown {
    const { words, end: get } = this;
    const deliveries = this.#deliveries;
    if (deliveries !== undefined) {
      const value = this.#takeAgain(deliveries);
      if (value !== nothing) return value;
    }
    const head = words[get + position] as number;
    if (head === words[get + otherPosition]) {
      const tail = Atomics.load(words, this.at + position);
      words[get + otherPosition] = tail;
      if (head === tail) return nothing;
    }
    let window = this.#window;
    if (head < window.start || head >= window.end) window = this.#enter(head);
    let place = head;
    let left = -1;
    const i = (head - window.start) * 2;
    if (window.words[i] === Tag.jump) {
      place = window.words[i + 1] as number;
      if (place < window.start || place >= window.end) {
        left = this.#extents.indexOf(head);
        window = this.#enter(place);
      }
    }
    window.units = 0;
    let value: unknown;
    try {
      const most = window.end - place;
      value =
        reader === undefined
          ? readRecord(window, place - window.start, most)
          : reader.read(window, place - window.start, most);
    } catch (error) {
      if (window.units === 0) throw error;
      // The record is whole, but this Node has no such value: it is taken, and the caller learns why.
      value = new Damage(error);
    }
    if (deliveries === undefined || !(this.redelivers || this.#named)) {
      this.#commit(place + window.units, left, reader, undefined);
      return value;
    }
    if (value instanceof Later) value.kept = true;
    deliveries.keep(window, place - window.start, window.units, words[get + count] as number);
    const ticket = this.#commit(place + window.units, left, reader, deliveries);
    return this.#opened(ticket as Ticket, value);
  }

  #opened(ticket: Ticket, value: unknown): Delivery {
    const delivery = new Delivery(this, me, ticket, value, this.#named);
    this.openHere.add(delivery);
    return delivery;
  }

  #commit(
    head: number,
    left: number,
    reader: RecordReader | undefined,
    keeps: Deliveries | undefined,
  ): Ticket | undefined {
    const { words, end: get } = this;
    const gets = ((words[get + count] as number) + 1) | 0;
    words[get + nextPosition] = head;
    words[get + nextCount] = gets;
    if (keeps !== undefined) keeps.promise(me, this.#named ? 0 : takenByGet);
    else this.#unfinished?.prepare(me);
    reader?.claim(gets);
    let use = 0;
    if (left >= 0) {
      use = this.#extents.use(left);
      words[this.at + leavingUse] = use;
      words[get + moving] = left + 1;
    }
    Atomics.store(words, get + position, head);
    words[get + count] = gets;
    const ticket = keeps?.fulfil();
    if (keeps === undefined) this.#unfinished?.commit(gets);
    if (left >= 0) {
      this.#extents.release(left, use);
      words[get + moving] = 0;
    }
    return ticket;
  }

  #enter(head: number): Window {
    const index = this.#extents.indexOf(head);
    if (index === -1) throw this.outside();
    this.#window = this.#extents.window(index);
    return this.#window;
  }

  protected override mend(): void {
    const { words, end: get } = this;
    const moved = words[get + nextPosition] === words[get + position];
    if (moved) words[get + count] = words[get + nextCount] as number;
    this.#unfinished?.mend(moved, words[get + count] as number);
    this.#deliveries?.mend(moved);
    const left = (words[get + moving] as number) - 1;
    if (left >= 0 && left < this.#extents.count && this.#extents.indexOf(words[get + position] as number) !== left) {
      this.#extents.release(left, words[this.at + leavingUse] as number);
    }
    words[get + moving] = 0;
  }
}
