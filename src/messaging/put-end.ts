/** The end of a ring at which messages are put: where there is room for a record, and how it comes to count. */
import { ClosedError, MultiprocError } from '../errors.js';
import { me } from '../lifecycle/participant.js';
import { mostUnits, type Window, writeRecord } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import type { Block } from '../shared/block.js';
import { draining, EndWord, ended, Fact, getEnd } from '../shared/ring-layout.js';
import type { Extents } from './extents.js';
import type { GetEnd } from './get-end.js';
import type { RingMemory } from './ring-block.js';
import { closedError, RingEnd } from './ring-end.js';

const { position, count, otherPosition, otherCount, nextPosition, nextCount, moving } = EndWord;
const { state, gettersAsleep } = Fact;

/** What became of a put. */
export const Put = {
  done: 0,
  /** There are `maxsize` messages. */
  full: 1,
  /** There is no memory for it now. */
  noRoom: 2,
  /** Somebody holds the lock for long: a stopped process. */
  busy: 3,
  /** /dev/shm has no memory for it, also when all that is unread has been taken. */
  noMemory: 4,
  /** It is larger than the capacity leaves to one message. */
  tooLarge: 5,
} as const;
export type Put = (typeof Put)[keyof typeof Put];

/** Writes records with a form of its own, with the lock of the end held. */
export interface RecordWriter {
  /** Writes the record at the unit `at` of the window; how many units it takes, no more than were asked for. */
  write(window: Window, at: number): number;
}

/** What {@link PutEnd} finds instead of a place. */
const noRoom = -1;
const full = -2;
const noMemory = -3;
const tooLarge = -4;

/** What a put without a place comes to. */
function outcomeOf(place: number): Put {
  switch (place) {
    case full:
      return Put.full;
    case noMemory:
      return Put.noMemory;
    case tooLarge:
      return Put.tooLarge;
    default:
      return Put.noRoom;
  }
}

export class PutEnd extends RingEnd {
  readonly #maxsize: number;
  readonly #extents: Extents;
  readonly #chains: boolean;
  readonly #gets: GetEnd;
  #window: Window;
  #index = 0;
  /** How many units the last record takes. */
  lastUnits = 0;

  constructor(block: Block, words: Int32Array, at: number, { extents, chains }: RingMemory, gets: GetEnd) {
    super(block, words, at, 0);
    this.#maxsize = block.length;
    this.#extents = extents;
    this.#chains = chains;
    this.#gets = gets;
    this.#window = extents.window(0);
  }

  /**
   * Puts a value, or a {@link Message}, if there is room.
   *
   * @param units {@link mostUnits} of it
   * @param deadline how long to wait for the lock; 0: not long
   * @throws ClosedError after {@link close}, or when the ring has ended
   */
  tryPut(value: unknown, units: number, deadline: number): Put {
    const { words, at } = this;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.lock(deadline)) return Put.busy;
    try {
      const outcome = this.#putOne(value, units);
      if (outcome !== Put.done) return outcome;
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.unlock();
    }
    if (Atomics.load(words, at + gettersAsleep) !== 0) this.wake(gettersAsleep);
    return Put.done;
  }

  /** Puts a record that the caller writes, if there is room for so many units. */
  tryPutRecord(record: RecordWriter, units: number, deadline: number): Put {
    const { words, at } = this;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.lock(deadline)) return Put.busy;
    try {
      const place = this.#claim(units);
      if (place < 0) return outcomeOf(place);
      const window = this.#window;
      this.lastUnits = record.write(window, place - window.start);
      this.#commit(place + this.lastUnits);
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.unlock();
    }
    if (Atomics.load(words, at + gettersAsleep) !== 0) this.wake(gettersAsleep);
    return Put.done;
  }

  /** Puts as many of the values as there is room for, from the index on, under one lock. How many that were. */
  tryPutMany(values: readonly unknown[], from: number, deadline: number): number {
    const { words, at } = this;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.lock(deadline)) return 0;
    let i = from;
    try {
      for (; i < values.length; i++) if (this.#putOne(values[i], mostUnits(values[i])) !== Put.done) break;
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.unlock();
    }
    if (i > from && Atomics.load(words, at + gettersAsleep) !== 0) this.wake(gettersAsleep);
    return i - from;
  }

  /** Sets bits of the ring's state. No put is under way when it returns. */
  setState(bits: number): void {
    const { words, at } = this;
    if (Atomics.compareExchange(words, at, 0, me) !== 0) this.lock(Infinity);
    Atomics.or(words, at + state, bits);
    if (Atomics.compareExchange(words, at, me, 0) !== me) this.unlock();
  }

  /** Clears bits of the ring's state. */
  clearState(bits: number): void {
    const { words, at } = this;
    if (Atomics.compareExchange(words, at, 0, me) !== 0) this.lock(Infinity);
    Atomics.and(words, at + state, ~bits);
    if (Atomics.compareExchange(words, at, me, 0) !== me) this.unlock();
  }

  #putOne(value: unknown, units: number): Put {
    const place = this.#claim(units);
    if (place < 0) return outcomeOf(place);
    const window = this.#window;
    this.lastUnits = writeRecord(window, place - window.start, value);
    this.#commit(place + this.lastUnits);
    return Put.done;
  }

  /** Where a record of so many units may be written; or {@link noRoom}, {@link full}. */
  #claim(units: number): number {
    const { words, at: put } = this;
    if (words[put + state] !== 0) throw this.#refusal();
    if (words[put + moving] !== 0) this.#repair();
    if (this.#maxsize !== 0 && this.#isFull()) return full;
    const tail = words[put + position] as number;
    let window = this.#window;
    if (tail < window.start || tail >= window.end) window = this.#enter(tail);
    const index = this.#index;
    if (index !== 0 && ((words[put + count] as number) & 63) === 0) {
      const home = this.#goHome(units, tail, index);
      if (home >= 0) return home;
    }
    const end = window.start + this.#extents.reserved(index);
    let head = words[put + otherPosition] as number;
    for (let seen = false; ; seen = true) {
      const inside = head >= window.start && head < window.end;
      if (!inside || head <= tail) {
        // One unit stays free for a jump, here and below; and tail never meets head from behind.
        if (tail + units + 1 <= end) return tail;
        if (inside && window.start + units + 2 <= head && head < end) {
          jump(window, tail, window.start);
          return window.start;
        }
      } else if (tail + units + 2 <= head) {
        return tail;
      }
      if (seen) return this.#claimSlowly(units, window, index, tail, head);
      head = Atomics.load(words, put + getEnd + position);
      words[put + otherPosition] = head;
    }
  }

  #claimSlowly(units: number, window: Window, index: number, tail: number, head: number): number {
    if (!this.#chains && head !== tail) return noRoom;
    const extents = this.#extents;
    const behind = head > tail && head < window.end;
    const isBacked = tail < window.start + extents.reserved(index);
    extents.lacking = 0;
    if (isBacked && !behind && tail + units + 1 <= window.end && (this.#chains || index > 0)) {
      if (extents.reserve(index, tail + units + 1 - window.start)) return tail;
    }
    for (let i = index + 1; i < extents.count; i++) if (this.#mayMove(i, units)) return this.#move(window, tail, i);
    for (let i = index - 1; i >= 0; i--) if (this.#mayMove(i, units)) return this.#move(window, tail, i);
    if (head === tail) return this.#claimByVacating(units, window, index, tail);
    return extents.lacking === 0 || extents.comesFree(units) ? noRoom : noMemory;
  }

  /** The ring is empty: nothing that is waited for would give more room than there is. */
  #claimByVacating(units: number, window: Window, index: number, tail: number): number {
    const extents = this.#extents;
    if (extents.vacate(index, tail)) {
      extents.lacking = 0;
      for (let i = 0; i < extents.count; i++) {
        if (i !== index && this.#mayMove(i, units)) return this.#move(window, tail, i);
      }
    }
    return extents.lacking === 0 ? tooLarge : noMemory;
  }

  #mayMove(index: number, units: number): boolean {
    const extents = this.#extents;
    return units + 2 <= extents.size(index) && !extents.used(index) && extents.reserve(index, units + 2);
  }

  #move(window: Window, tail: number, index: number): number {
    const { words, at: put } = this;
    const target = this.#extents.window(index);
    words[put + moving] = index + 1;
    this.#extents.setUse(index, ((words[put + count] as number) + 1) | 0 || -1);
    // What was seen of the head may be of an earlier stay in that extent. The head itself is elsewhere, and right for
    // the tail that is left, too, should this put never be committed.
    words[put + otherPosition] = Atomics.load(words, put + getEnd + position);
    jump(window, tail, target.start);
    this.#index = index;
    this.#window = target;
    return target.start;
  }

  /** After the rush: back to a smaller extent, so that the memory of the larger one can be given back. */
  #goHome(units: number, tail: number, index: number): number {
    const head = Atomics.load(this.words, this.at + getEnd + position);
    if (head !== tail) return noRoom;
    for (let i = 0; i < index; i++) {
      if (units * 8 <= this.#extents.size(i) && this.#mayMove(i, units)) return this.#move(this.#window, tail, i);
    }
    return noRoom;
  }

  #commit(tail: number): void {
    const { words, at: put } = this;
    const puts = ((words[put + count] as number) + 1) | 0;
    words[put + nextPosition] = tail;
    words[put + nextCount] = puts;
    Atomics.store(words, put + position, tail);
    words[put + count] = puts;
    words[put + moving] = 0;
  }

  #isFull(): boolean {
    const { words, at: put } = this;
    // Counts of 32 bits are compared by their difference. Mostly the other end's cache line need not be looked at.
    const least = (words[put + count] as number) - this.#maxsize;
    if ((((words[put + otherCount] as number) - least) | 0) > 0) return false;
    const gets = Atomics.load(words, put + getEnd + count);
    words[put + otherCount] = gets;
    if (((gets - least) | 0) > 0) return false;
    // Somebody may have died between taking a message and counting it.
    if (!this.#gets.repairIfDead()) return true;
    return ((Atomics.load(words, put + getEnd + count) - least) | 0) <= 0;
  }

  #enter(tail: number): Window {
    const index = this.#extents.indexOf(tail);
    if (index === -1) throw this.outside();
    this.#index = index;
    this.#window = this.#extents.window(index);
    return this.#window;
  }

  protected override mend(): void {
    const { words, at: put } = this;
    if (words[put + nextPosition] === words[put + position]) {
      words[put + count] = words[put + nextCount] as number;
    }
    this.#repair();
  }

  /** An extent that was about to be used: it is used if the tail lies in it. */
  #repair(): void {
    const { words, at: put } = this;
    const index = (words[put + moving] as number) - 1;
    if (index >= 0 && index < this.#extents.count && this.#extents.indexOf(words[put + position] as number) !== index) {
      this.#extents.setUse(index, 0);
    }
    words[put + moving] = 0;
  }

  #refusal(): MultiprocError {
    if (this.closed) return closedError();
    if (((this.words[this.at + state] as number) & (ended | draining)) !== 0) {
      return new ClosedError('The queue has ended: nothing can be put any more, until reset() opens it anew');
    }
    return new MultiprocError('EPIPE: nobody will read what is put', { code: 'EPIPE' });
  }
}

function jump(window: Window, from: number, to: number): void {
  const i = (from - window.start) * 2;
  window.words[i] = Tag.jump;
  window.words[i + 1] = to;
}
