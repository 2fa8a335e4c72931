/** The end of a ring at which messages are taken: how a record is read, and how it comes to be gone. */
import { now } from '../deadline.js';
import { me } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import { discard } from '../serialize/codec.js';
import { Damage, Later, readRecord, type Window } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { type Block, BlockKind, redeliverFlag } from '../shared/block.js';
import { EndWord, Fact, GetWord, getEnd } from '../shared/ring-layout.js';
import type { Extents } from './extents.js';
import { Redelivery } from './redelivery.js';
import type { RingMemory } from './ring-block.js';
import { closedError, RingEnd } from './ring-end.js';
import { type Ledger, Unfinished } from './unfinished.js';

const { position, count, otherPosition, nextPosition, nextCount, moving } = EndWord;
const { puttersAsleep, gettersAsleep, joinersAsleep, returned } = Fact;
const { leavingUse } = GetWord;

/** What taking returns when there is nothing. */
export const nothing: unique symbol = Symbol('nothing');
/** What it returns when somebody holds the lock for long. */
export const busy: unique symbol = Symbol('busy');

/** How often those who wait, or take messages, look for consumers that have died; in ms. */
export const buryMs = 100;

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
  /** Of a joinable queue. */
  readonly #unfinished: Ledger | undefined;
  /** The same, of one that delivers again what dead consumers had. */
  readonly #redelivery: Redelivery | undefined;
  #nextLook = 0;

  constructor(block: Block, words: Int32Array, at: number, { extents, capacity, end }: RingMemory) {
    super(block, words, at, getEnd);
    this.#extents = extents;
    this.#window = extents.window(0);
    const joinable = block.kind === BlockKind.joinableQueue;
    if (joinable && (block.flags & redeliverFlag) !== 0) {
      this.#redelivery = new Redelivery(block.segment, words, at, end, capacity);
    }
    this.#unfinished = this.#redelivery ?? (joinable ? new Unfinished(words, at) : undefined);
  }

  /** Whether what a dead consumer had is delivered again: somebody has to look for that, by {@link bury}. */
  get redelivers(): boolean {
    return this.#redelivery !== undefined;
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
    return ((this.#ledger.done - Atomics.load(this.words, this.at + count)) | 0) >= 0;
  }

  /** Acknowledges a message of a joinable queue. `false` if there is none to acknowledge. */
  acknowledge(): boolean {
    const acknowledged = this.#underLock(() => {
      // A message is taken as soon as its put is committed, perhaps before it is counted there.
      const taken = Atomics.load(this.words, this.end + count);
      if (this.allDone && ((taken - this.#ledger.done) | 0) <= 0) return false;
      this.#ledger.acknowledge(me);
      return true;
    });
    if (this.#redelivery !== undefined) for (const bytes of this.#redelivery.settled()) discard(bytes);
    return acknowledged;
  }

  /** Counts what dead consumers took from a joinable queue as done, or has it delivered again. */
  bury(): void {
    if (this.#ledger.anyDead()) this.#underLock(() => this.#ledger.bury());
    if (Atomics.load(this.words, this.at + returned) !== 0) this.wake(gettersAsleep);
  }

  get #ledger(): Ledger {
    if (this.closed) throw closedError();
    return this.#unfinished as Ledger;
  }

  #underLock<R>(change: () => R): R {
    const { words, at, end: get } = this;
    if (Atomics.compareExchange(words, get, 0, me) !== 0) this.lock(Infinity);
    let result: R;
    try {
      result = change();
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.unlock();
    }
    if (this.allDone && Atomics.exchange(words, at + joinersAsleep, 0) !== 0) {
      native.ringWake(this.block.segment.id, (at + joinersAsleep) * 4, -1);
    }
    return result;
  }

  /** What a dead consumer had goes before what nobody has had. */
  #takeAgain(redelivery: Redelivery): unknown {
    const { words, end: get } = this;
    const empty = words[get + position] === Atomics.load(words, this.at + position);
    const at = now();
    if (empty || at >= this.#nextLook) {
      this.#nextLook = at + buryMs;
      redelivery.bury();
    }
    return redelivery.returned === 0 ? nothing : (redelivery.takeAgain(me) ?? nothing);
  }

  #takeOne(reader?: RecordReader): unknown {
    const { words, end: get } = this;
    if (this.#redelivery !== undefined) {
      const value = this.#takeAgain(this.#redelivery);
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
    if (this.#redelivery !== undefined) {
      if (value instanceof Later) value.kept = true;
      this.#redelivery.keep(window, place - window.start, window.units, words[get + count] as number);
    }
    this.#commit(place + window.units, left, reader);
    return value;
  }

  #commit(head: number, left: number, reader: RecordReader | undefined): void {
    const { words, end: get } = this;
    const gets = ((words[get + count] as number) + 1) | 0;
    words[get + nextPosition] = head;
    words[get + nextCount] = gets;
    this.#unfinished?.prepare(me);
    reader?.claim(gets);
    let use = 0;
    if (left >= 0) {
      use = this.#extents.use(left);
      words[this.at + leavingUse] = use;
      words[get + moving] = left + 1;
    }
    Atomics.store(words, get + position, head);
    words[get + count] = gets;
    this.#unfinished?.commit(gets);
    if (left >= 0) {
      this.#extents.release(left, use);
      words[get + moving] = 0;
    }
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
    const left = (words[get + moving] as number) - 1;
    if (left >= 0 && left < this.#extents.count && this.#extents.indexOf(words[get + position] as number) !== left) {
      this.#extents.release(left, words[this.at + leavingUse] as number);
    }
    words[get + moving] = 0;
  }
}
