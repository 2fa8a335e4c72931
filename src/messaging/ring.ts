/**
 * A ring of records in shared memory, with any number of producers and consumers in any processes.
 *
 * Each end has a robust lock. A record is written beyond the tail, and one store of the tail commits it; a consumer
 * copies, then stores the head. Whoever dies half-way has changed nothing that counts; what had to follow the store is
 * noted before it, and the next owner of the lock finishes or forgets it. Where the room ends, a jump leads on: to the
 * start of the extent, or to another extent.
 *
 * What a dead owner can leave, and what the next owner of its lock makes of it. One store decides: that of `position`.
 *
 *     put: moving, used, seen head, jump, record, next position and count | position | count, moving = 0
 *       before `position`: the tail is the old one; count stands; an extent noted in `moving` is not used, as the tail
 *         is not in it; what was seen of the head is true for the old tail as well; the rest lies beyond the tail
 *       after it: `next position` is the tail, so `next count` counts; the extent in `moving` is used
 *     get: next position and count, leaving use, moving | position | count, used = 0, moving = 0
 *       before `position`: the head is the old one; count stands; the extent in `moving` still holds the head
 *       after it: `next position` is the head, so `next count` counts; the extent in `moving` is let go if its use is
 *         still the one noted: once it is free, a producer may use it again before anybody mends this end
 *
 * Only the producers' end makes an extent used, only when it is free; only the other end frees it, after the head left.
 */
import { now } from '../deadline.js';
import { ClosedError, MultiprocError } from '../errors.js';
import { me } from '../lifecycle/participant.js';
import { layout, native, TargetKind } from '../native.js';
import { discard } from '../serialize/codec.js';
import { damaged } from '../serialize/handles.js';
import {
  Damage,
  finish,
  Later,
  mostUnits,
  readRecord,
  type Window,
  writeBytes,
  writeRecord,
} from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { Block, BlockKind, type Mode, mismatch, type NameOptions, redeliverFlag } from '../shared/block.js';
import {
  defaultCapacity,
  Extents,
  type Geometry,
  geometryFor,
  sizeOf,
  smallestExtent,
  startOfExtents,
} from './extents.js';
import { Redelivery, returnedWord, sizeOfBlocks } from './redelivery.js';
import { joinersAsleep, type Ledger, Unfinished } from './unfinished.js';

/** What {@link Ring.tryTake} returns when there is nothing. */
export const nothing: unique symbol = Symbol('nothing');

/** What became of a put. */
export const Put = {
  done: 0,
  /** There are `maxsize` messages. */
  full: 1,
  /** There is no memory for it now. */
  noRoom: 2,
  /** Somebody holds the lock for long: a stopped process. */
  busy: 3,
} as const;
export type Put = (typeof Put)[keyof typeof Put];

/** {@link Ring.tryTake}: somebody holds the lock for long. */
export const busy: unique symbol = Symbol('busy');

/** How often those who wait, or take messages, look for consumers that have died; in ms. */
export const buryMs = 100;

/** How long a call that must not wait waits for a lock, whose holders need less than a microsecond unless stopped. */
const brieflyMs = 20;

/** Bits of the state: nothing will be put any more; nothing will be taken any more. */
export const ended = 1;
export const broken = 2;

// Words of an end, in 32-bit words from its start; as `sync::RingWords` says.
const position = 1;
const count = 2;
const otherPosition = 3;
const otherCount = 4;
const nextPosition = 5;
const nextCount = 6;
const moving = 7;
const leavingUse = 14;
const getEnd = 16;
const facts = 32;
const stateWord = facts;
const kindWord = facts + 1;
const baseWord = facts + 2;
const extentsWord = facts + 3;
const capacityWord = facts + 4;
const puttersAsleep = facts + 6;
const gettersAsleep = facts + 7;
const chainsWord = facts + 8;
const table = 48;

/** How often the adaptive look may fail before it is given up. */
const mostPatience = 8;

/** For the fast path of a closed ring: the lock is never free. */
const closedWords = new Int32Array(table + 2 * layout.ringExtents).fill(-1);

/** Records of a ring's user, with a form of their own. Both are called with the lock of their end held. */
export interface RecordWriter {
  /** Writes the record at the unit `at` of the window; how many units it takes, no more than were asked for. */
  write(window: Window, at: number): number;
}
export interface RecordReader {
  /** What the record at the unit `at` says, which must be copied. Leaves its size in `window.units`. */
  read(window: Window, at: number, most: number): unknown;
  /** The record will be the `ordinal`-th one that was ever taken, as soon as this returns. */
  claim(ordinal: number): void;
}

export interface RingOptions extends NameOptions {
  /** Messages that fit; 0: as many as there is memory for. */
  maxsize: number;
  /** Bytes of memory for messages; default: half of the free shared memory. */
  capacity?: number | undefined;
  /** Goes on in further memory rather than waiting for the reader. Otherwise only what is larger than all does. */
  chains: boolean;
  /** Of a joinable queue: what a dead consumer took is delivered again. */
  redeliver?: boolean | undefined;
  /** A number for the ring's user. */
  kind?: number | undefined;
}

/** Opens or makes the block of a ring. */
export function obtainRing(mode: Mode, kind: BlockKind, options: RingOptions): Block {
  const capacity = options.capacity ?? 0;
  const geometry = geometryFor(capacity === 0 ? defaultCapacity() : capacity);
  const first = startOfExtents(kind);
  const blocks = options.redeliver === true ? sizeOfBlocks(capacity === 0 ? defaultCapacity() : capacity) : 0;
  const size = first - layout.firstBlock - layout.blockHeaderSize + sizeOf(geometry) + blocks;
  const reserved = first + geometry.base;
  const flags = blocks === 0 ? 0 : redeliverFlag;
  const shape = { kind, type: options.kind ?? 0, flags, length: options.maxsize, size, reserved };
  const block = Block.obtain(mode, shape, options, (made) => {
    init(made, geometry, capacity, options.chains);
    if (blocks !== 0) Redelivery.init(made.segment.words, blocks);
  });
  const words = block.segment.words.subarray((block.body + layout.ringOffset) / 4);
  const is = capacityOf(words, capacityWord);
  if (is !== capacity && mode !== 'open') mismatch(block, 'capacity', describeCapacity(capacity), describeCapacity(is));
  return block;
}

function init(block: Block, geometry: Geometry, capacity: number, chains: boolean): void {
  const words = block.segment.words.subarray((block.body + layout.ringOffset) / 4);
  words[baseWord] = geometry.base;
  words[extentsWord] = geometry.count;
  words[capacityWord] = capacity | 0;
  words[capacityWord + 1] = Math.floor(capacity / 2 ** 32);
  words[kindWord] = 0;
  words[chainsWord] = chains ? 1 : 0;
  words[table] = 1;
  const pages = geometry.base / 4096;
  words[table + 1] = capacity === 0 ? pages : Math.min(pages, Math.ceil(capacity / 4096));
}

function capacityOf(words: Int32Array, at: number): number {
  return ((words[at] as number) >>> 0) + (words[at + 1] as number) * 2 ** 32;
}

function describeCapacity(capacity: number): string {
  return capacity === 0 ? 'the default' : `${capacity}`;
}

/** One end's view of who else is waiting, and the memory, of one ring as this object has it open. */
export class Ring {
  readonly block: Block;
  readonly maxsize: number;
  #words: Int32Array;
  /** Of the ring's words in `#words`. */
  #at: number;
  readonly #extents: Extents;
  readonly #chains: boolean;
  #putWindow: Window;
  #putIndex = 0;
  #getWindow: Window;
  #closed = false;
  #patience: number = mostPatience;
  #waits = 0;
  /** How many units the last record that was put takes. */
  lastUnits = 0;
  /** Of a joinable queue. */
  readonly #unfinished: Ledger | undefined;
  /** The same, of one that delivers again what dead consumers had. */
  readonly #redelivery: Redelivery | undefined;
  #nextLook = 0;

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for memory that holds no ring */
  constructor(block: Block) {
    this.block = block;
    this.maxsize = block.length;
    this.#words = block.segment.words;
    this.#at = (block.body + layout.ringOffset) / 4;
    const geometry = {
      base: this.#words[this.#at + baseWord] as number,
      count: this.#words[this.#at + extentsWord] as number,
    };
    const first = startOfExtents(block.kind);
    checkGeometry(block, first, geometry);
    const capacity = capacityOf(this.#words, this.#at + capacityWord) || defaultCapacity();
    this.#extents = new Extents(block.segment, first, geometry, capacity, this.#at + table);
    this.#chains = this.#words[this.#at + chainsWord] !== 0;
    this.#putWindow = this.#extents.window(0);
    this.#getWindow = this.#putWindow;
    if (block.kind === BlockKind.joinableQueue && (block.flags & redeliverFlag) !== 0) {
      const blocks = first + sizeOf(geometry);
      this.#redelivery = new Redelivery(block.segment, this.#words, this.#at, blocks, capacity);
    }
    const joinable = block.kind === BlockKind.joinableQueue;
    this.#unfinished = this.#redelivery ?? (joinable ? new Unfinished(this.#words, this.#at) : undefined);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many messages are there. */
  get length(): number {
    const gets = Atomics.load(this.#words, this.#at + getEnd + count);
    const left = Math.max((Atomics.load(this.#words, this.#at + count) - gets) | 0, 0);
    return left + Atomics.load(this.#words, this.#at + returnedWord);
  }

  /** Whether what a dead consumer had is delivered again: somebody has to look for that, by {@link bury}. */
  get redelivers(): boolean {
    return this.#redelivery !== undefined;
  }

  /** How many messages were ever taken, in 32 bits. */
  get taken(): number {
    return Atomics.load(this.#words, this.#at + getEnd + count);
  }

  /** How many messages were ever put, in 32 bits. */
  get put(): number {
    return Atomics.load(this.#words, this.#at + count);
  }

  /** Bits: {@link ended}, {@link broken}. */
  get state(): number {
    return Atomics.load(this.#words, this.#at + stateWord);
  }

  /**
   * Puts a value, or a {@link Message}, if there is room.
   *
   * @param units {@link mostUnits} of it
   * @param deadline how long to wait for the lock; 0: not long
   * @throws ClosedError after {@link close}, or when the ring has ended
   */
  tryPut(value: unknown, units: number, deadline = 0): Put {
    const words = this.#words;
    const at = this.#at;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.#lockPut(deadline)) return Put.busy;
    try {
      const outcome = this.#putOne(value, units);
      if (outcome !== Put.done) return outcome;
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.#unlock(at);
    }
    if (Atomics.load(words, at + gettersAsleep) !== 0) this.#wake(gettersAsleep);
    return Put.done;
  }

  /** Puts bytes that are no value, as `sendBytes` does. */
  tryPutBytes(bytes: Uint8Array, deadline = 0): Put {
    const words = this.#words;
    const at = this.#at;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.#lockPut(deadline)) return Put.busy;
    try {
      const place = this.#claim(1 + Math.ceil(bytes.length / 8));
      if (place < 0) return place === -1 ? Put.noRoom : Put.full;
      const window = this.#putWindow;
      this.#commitPut(place + writeBytes(window, place - window.start, Tag.bytes, bytes));
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.#unlock(at);
    }
    if (Atomics.load(words, at + gettersAsleep) !== 0) this.#wake(gettersAsleep);
    return Put.done;
  }

  /** Puts a record that the caller writes, if there is room for so many units. */
  tryPutRecord(record: RecordWriter, units: number, deadline = 0): Put {
    const words = this.#words;
    const at = this.#at;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.#lockPut(deadline)) return Put.busy;
    try {
      const place = this.#claim(units);
      if (place < 0) return place === -1 ? Put.noRoom : Put.full;
      const window = this.#putWindow;
      this.lastUnits = record.write(window, place - window.start);
      this.#commitPut(place + this.lastUnits);
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.#unlock(at);
    }
    if (Atomics.load(words, at + gettersAsleep) !== 0) this.#wake(gettersAsleep);
    return Put.done;
  }

  /** Takes the oldest record, which the caller reads; what it returns, {@link nothing}, or {@link busy}. */
  tryTakeRecord(reader: RecordReader, deadline = 0): unknown {
    const words = this.#words;
    const get = this.#at + getEnd;
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.#lockGet(deadline)) return busy;
    let value: unknown;
    try {
      value = this.#takeOne(reader);
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.#unlock(get);
    }
    if (value === nothing) return nothing;
    if (Atomics.load(words, this.#at + puttersAsleep) !== 0) this.#wake(puttersAsleep);
    return value instanceof Damage ? value.read() : value;
  }

  /**
   * Finishes what dead consumers began: afterwards {@link taken} tells which records they took.
   *
   * @returns `false` if somebody holds the lock for long: a stopped process
   */
  settleGets(): boolean {
    const get = this.#at + getEnd;
    if (Atomics.compareExchange(this.#words, get, 0, me) !== 0 && !this.#lockGet(0)) return false;
    if (Atomics.compareExchange(this.#words, get, me, 0) !== me) this.#unlock(get);
    return true;
  }

  /** Puts as many of the values as there is room for, from the index on, under one lock. How many that were. */
  tryPutMany(values: readonly unknown[], from: number, deadline = 0): number {
    const words = this.#words;
    const at = this.#at;
    if (Atomics.compareExchange(words, at, 0, me) !== 0 && !this.#lockPut(deadline)) return 0;
    let i = from;
    try {
      for (; i < values.length; i++) if (this.#putOne(values[i], mostUnits(values[i])) !== Put.done) break;
    } finally {
      if (Atomics.compareExchange(words, at, me, 0) !== me) this.#unlock(at);
    }
    if (i > from && Atomics.load(words, at + gettersAsleep) !== 0) this.#wake(gettersAsleep);
    return i - from;
  }

  /**
   * Takes the oldest message.
   *
   * @returns its value, {@link nothing}, or {@link busy}
   * @throws what deserialising it throws: the message is taken all the same
   */
  tryTake(deadline = 0): unknown {
    return finish(this.take(deadline));
  }

  /** As {@link tryTake}, but of what {@link finish} makes the value later: a caller may have to import modules for it. */
  take(deadline = 0): unknown {
    const words = this.#words;
    const get = this.#at + getEnd;
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.#lockGet(deadline)) return busy;
    let value: unknown;
    try {
      value = this.#takeOne();
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.#unlock(get);
    }
    if (value === nothing) return nothing;
    if (Atomics.load(words, this.#at + puttersAsleep) !== 0) this.#wake(puttersAsleep);
    return value;
  }

  /** Takes up to `most` messages under one lock, as {@link take} does. Empty if there are none, or somebody holds the lock for long. */
  tryTakeMany(most: number, deadline = 0): unknown[] {
    const words = this.#words;
    const get = this.#at + getEnd;
    const values: unknown[] = [];
    if (Atomics.compareExchange(words, get, 0, me) !== 0 && !this.#lockGet(deadline)) return values;
    try {
      while (values.length < most) {
        const value = this.#takeOne();
        if (value === nothing) break;
        values.push(value);
      }
    } finally {
      if (Atomics.compareExchange(words, get, me, 0) !== me) this.#unlock(get);
    }
    if (values.length > 0 && Atomics.load(words, this.#at + puttersAsleep) !== 0) this.#wake(puttersAsleep);
    return values;
  }

  /** Whether all messages of a joinable queue are acknowledged. */
  get allDone(): boolean {
    return ((this.#ledger.done - Atomics.load(this.#words, this.#at + count)) | 0) >= 0;
  }

  /** Acknowledges a message of a joinable queue. `false` if there is none to acknowledge. */
  acknowledge(): boolean {
    const acknowledged = this.#underGetLock(() => {
      // A message is taken as soon as its put is committed, perhaps before it is counted there.
      if (this.allDone && ((this.taken - this.#ledger.done) | 0) <= 0) return false;
      this.#ledger.acknowledge(me);
      return true;
    });
    if (this.#redelivery !== undefined) for (const bytes of this.#redelivery.settled()) discard(bytes);
    return acknowledged;
  }

  /** Counts what dead consumers took from a joinable queue as done, or has it delivered again. */
  bury(): void {
    if (this.#ledger.anyDead()) this.#underGetLock(() => this.#ledger.bury());
    if (Atomics.load(this.#words, this.#at + returnedWord) !== 0) this.#wake(gettersAsleep);
  }

  /** Blocks until all is acknowledged; `false` when the deadline passed. */
  waitForDone(deadline: number): boolean {
    return this.#wait(TargetKind.ringDone, 0, deadline);
  }

  /** Whether a record of so many units can be put at all, however long one waits. */
  fits(units: number): boolean {
    return this.#extents.fits(units);
  }

  /** Sets bits of the state, and wakes everybody. No put is under way when it returns. */
  finishWith(bits: number): void {
    const at = this.#at;
    if (Atomics.compareExchange(this.#words, at, 0, me) !== 0) this.#lockPut(Infinity);
    Atomics.or(this.#words, at + stateWord, bits);
    if (Atomics.compareExchange(this.#words, at, me, 0) !== me) this.#unlock(at);
    for (const asleep of [gettersAsleep, puttersAsleep]) {
      Atomics.store(this.#words, at + asleep, 0);
      native.ringWake(this.block.segment.id, (at + asleep) * 4, -1);
    }
  }

  /** Blocks until there is something to take, or the ring has ended. `false` when the deadline passed. */
  waitForItems(deadline: number): boolean {
    if (this.#redelivery !== undefined) return this.#wait(TargetKind.ringItems, 0, Math.min(deadline, now() + buryMs));
    return this.#wait(TargetKind.ringItems, 0, deadline);
  }

  /** Looks for something to take for up to 50 µs, letting others run. */
  lookForItems(): boolean {
    const { segment, body } = this.block;
    return native.ringWait(TargetKind.ringItems, segment.id, body, 0, 0, true) !== 0;
  }

  /** Blocks until more was taken than `before` (see {@link taken}), or nobody will take any more. */
  waitForTaken(before: number, deadline: number): boolean {
    return this.#wait(TargetKind.ringTaken, before, deadline);
  }

  /** Lets go of it in this object. The block is the caller's. */
  close(): void {
    this.#closed = true;
    this.#words = closedWords;
    this.#at = 0;
  }

  get #ledger(): Ledger {
    if (this.#closed) throw new ClosedError('The queue is closed in this process');
    return this.#unfinished as Ledger;
  }

  #underGetLock<R>(change: () => R): R {
    const get = this.#at + getEnd;
    if (Atomics.compareExchange(this.#words, get, 0, me) !== 0) this.#lockGet(Infinity);
    let result: R;
    try {
      result = change();
    } finally {
      if (Atomics.compareExchange(this.#words, get, me, 0) !== me) this.#unlock(get);
    }
    if (this.allDone && Atomics.exchange(this.#words, this.#at + joinersAsleep, 0) !== 0) {
      native.ringWake(this.block.segment.id, (this.#at + joinersAsleep) * 4, -1);
    }
    return result;
  }

  #wait(kind: number, argument: number, deadline: number): boolean {
    this.#waits++;
    // Where looking does not pay it is tried now and then only.
    const look = this.#patience > 0 || (this.#waits & 15) === 0;
    const { segment, body } = this.block;
    const outcome = native.ringWait(kind, segment.id, body, argument >>> 0, deadline, look);
    if (outcome === 1) this.#patience = mostPatience;
    else if (look && this.#patience > 0) this.#patience--;
    return outcome !== 0;
  }

  #putOne(value: unknown, units: number): Put {
    const place = this.#claim(units);
    if (place < 0) return place === -1 ? Put.noRoom : Put.full;
    const window = this.#putWindow;
    this.lastUnits = writeRecord(window, place - window.start, value);
    this.#commitPut(place + this.lastUnits);
    return Put.done;
  }

  /** Where a record of so many units may be written; −1: there is no room, −2: there are `maxsize` messages. */
  #claim(units: number): number {
    const words = this.#words;
    const put = this.#at;
    if (words[put + stateWord] !== 0) throw this.#refusal();
    if (words[put + moving] !== 0) this.#repairPut();
    if (this.maxsize !== 0 && this.#isFull()) return -2;
    const tail = words[put + position] as number;
    let window = this.#putWindow;
    if (tail < window.start || tail >= window.end) window = this.#enterPut(tail);
    const index = this.#putIndex;
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
        if (inside && window.start + units + 2 <= head) {
          this.#jump(window, tail, window.start);
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
    if (!this.#chains && head !== tail) return -1;
    const extents = this.#extents;
    const behind = head > tail && head < window.end;
    if (!behind && tail + units + 1 <= window.end && (this.#chains || index > 0)) {
      if (extents.reserve(index, tail + units + 1 - window.start)) return tail;
    }
    for (let i = index + 1; i < extents.count; i++) if (this.#mayMove(i, units)) return this.#move(window, tail, i);
    for (let i = index - 1; i >= 0; i--) if (this.#mayMove(i, units)) return this.#move(window, tail, i);
    return -1;
  }

  #mayMove(index: number, units: number): boolean {
    const extents = this.#extents;
    return units + 2 <= extents.size(index) && !extents.used(index) && extents.reserve(index, units + 2);
  }

  #move(window: Window, tail: number, index: number): number {
    const words = this.#words;
    const put = this.#at;
    const target = this.#extents.window(index);
    words[put + moving] = index + 1;
    this.#extents.setUse(index, ((words[put + count] as number) + 1) | 0 || -1);
    // What was seen of the head may be of an earlier stay in that extent. The head itself is elsewhere, and right for
    // the tail that is left, too, should this put never be committed.
    words[put + otherPosition] = Atomics.load(words, put + getEnd + position);
    this.#jump(window, tail, target.start);
    this.#putIndex = index;
    this.#putWindow = target;
    return target.start;
  }

  /** After the rush: back to a smaller extent, so that the memory of the larger one can be given back. */
  #goHome(units: number, tail: number, index: number): number {
    const head = Atomics.load(this.#words, this.#at + getEnd + position);
    if (head !== tail) return -1;
    for (let i = 0; i < index; i++) {
      if (units * 8 <= this.#extents.size(i) && this.#mayMove(i, units)) return this.#move(this.#putWindow, tail, i);
    }
    return -1;
  }

  #jump(window: Window, from: number, to: number): void {
    const i = (from - window.start) * 2;
    window.words[i] = Tag.jump;
    window.words[i + 1] = to;
  }

  #commitPut(tail: number): void {
    const words = this.#words;
    const put = this.#at;
    const puts = ((words[put + count] as number) + 1) | 0;
    words[put + nextPosition] = tail;
    words[put + nextCount] = puts;
    Atomics.store(words, put + position, tail);
    words[put + count] = puts;
    words[put + moving] = 0;
  }

  #isFull(): boolean {
    const words = this.#words;
    const put = this.#at;
    // Counts of 32 bits are compared by their difference. Mostly the other end's cache line need not be looked at.
    const least = (words[put + count] as number) - this.maxsize;
    if ((((words[put + otherCount] as number) - least) | 0) > 0) return false;
    const gets = Atomics.load(words, put + getEnd + count);
    words[put + otherCount] = gets;
    if (((gets - least) | 0) > 0) return false;
    // Somebody may have died between taking a message and counting it.
    if (!this.#repairDeadGetter()) return true;
    return ((Atomics.load(words, put + getEnd + count) - least) | 0) <= 0;
  }

  #repairDeadGetter(): boolean {
    const get = this.#at + getEnd;
    const owner = Atomics.load(this.#words, get) & layout.ownerMask;
    if (owner === 0 || owner === me || !native.isDead(owner)) return false;
    if (!native.lockTry(this.block.segment.id, get * 4)) return false;
    this.#mendGet();
    this.#unlock(get);
    return true;
  }

  /** What a dead consumer had goes before what nobody has had. */
  #takeAgain(redelivery: Redelivery): unknown {
    const words = this.#words;
    const empty = words[this.#at + getEnd + position] === Atomics.load(words, this.#at + position);
    const at = now();
    if (empty || at >= this.#nextLook) {
      this.#nextLook = at + buryMs;
      redelivery.bury();
    }
    return redelivery.returned === 0 ? nothing : (redelivery.takeAgain(me) ?? nothing);
  }

  #takeOne(reader?: RecordReader): unknown {
    const words = this.#words;
    const get = this.#at + getEnd;
    if (this.#redelivery !== undefined) {
      const value = this.#takeAgain(this.#redelivery);
      if (value !== nothing) return value;
    }
    const head = words[get + position] as number;
    if (head === words[get + otherPosition]) {
      const tail = Atomics.load(words, this.#at + position);
      words[get + otherPosition] = tail;
      if (head === tail) return nothing;
    }
    let window = this.#getWindow;
    if (head < window.start || head >= window.end) window = this.#enterGet(head);
    let place = head;
    let left = -1;
    const i = (head - window.start) * 2;
    if (window.words[i] === Tag.jump) {
      place = window.words[i + 1] as number;
      if (place < window.start || place >= window.end) {
        left = this.#extents.indexOf(head);
        window = this.#enterGet(place);
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
    this.#commitGet(place + window.units, left, reader);
    return value;
  }

  #commitGet(head: number, left: number, reader: RecordReader | undefined): void {
    const words = this.#words;
    const get = this.#at + getEnd;
    const gets = ((words[get + count] as number) + 1) | 0;
    words[get + nextPosition] = head;
    words[get + nextCount] = gets;
    this.#unfinished?.prepare(me);
    reader?.claim(gets);
    let use = 0;
    if (left >= 0) {
      use = this.#extents.use(left);
      words[get + leavingUse] = use;
      words[get + moving] = left + 1;
    }
    Atomics.store(words, get + position, head);
    words[get + count] = gets;
    this.#unfinished?.commit();
    if (left >= 0) {
      this.#extents.release(left, use);
      words[get + moving] = 0;
    }
  }

  #enterPut(tail: number): Window {
    const index = this.#extents.indexOf(tail);
    if (index === -1) throw this.#broken();
    this.#putIndex = index;
    this.#putWindow = this.#extents.window(index);
    return this.#putWindow;
  }

  #enterGet(head: number): Window {
    const index = this.#extents.indexOf(head);
    if (index === -1) throw this.#broken();
    this.#getWindow = this.#extents.window(index);
    return this.#getWindow;
  }

  #lockPut(deadline: number): boolean {
    return this.#lock(this.#at, deadline, this.#mendPut);
  }

  #lockGet(deadline: number): boolean {
    return this.#lock(this.#at + getEnd, deadline, this.#mendGet);
  }

  /** The way of those who find it held. Mends what an owner that died left half-done. */
  #lock(at: number, deadline: number, mend: () => void): boolean {
    if (this.#closed) throw new ClosedError('The queue is closed in this process');
    const { id } = this.block.segment;
    const until = deadline === Infinity ? Infinity : Math.max(deadline, now() + brieflyMs);
    if (!native.lockAcquire(id, at * 4, until)) return false;
    if ((Atomics.load(this.#words, at) & layout.dirty) !== 0) mend.call(this);
    return true;
  }

  #unlock(at: number): void {
    native.lockRelease(this.block.segment.id, at * 4);
  }

  #mendPut(): void {
    const words = this.#words;
    const put = this.#at;
    if (words[put + nextPosition] === words[put + position]) {
      words[put + count] = words[put + nextCount] as number;
    }
    this.#repairPut();
    native.lockMarkConsistent(this.block.segment.id, put * 4);
  }

  /** An extent that was about to be used: it is used if the tail lies in it. */
  #repairPut(): void {
    const words = this.#words;
    const put = this.#at;
    const index = (words[put + moving] as number) - 1;
    if (index >= 0 && index < this.#extents.count && this.#extents.indexOf(words[put + position] as number) !== index) {
      this.#extents.setUse(index, 0);
    }
    words[put + moving] = 0;
  }

  #mendGet(): void {
    const words = this.#words;
    const get = this.#at + getEnd;
    const moved = words[get + nextPosition] === words[get + position];
    if (moved) words[get + count] = words[get + nextCount] as number;
    this.#unfinished?.mend(moved);
    const left = (words[get + moving] as number) - 1;
    if (left >= 0 && left < this.#extents.count && this.#extents.indexOf(words[get + position] as number) !== left) {
      this.#extents.release(left, words[get + leavingUse] as number);
    }
    words[get + moving] = 0;
    native.lockMarkConsistent(this.block.segment.id, get * 4);
  }

  #wake(asleep: number): void {
    if (Atomics.exchange(this.#words, this.#at + asleep, 0) === 0) return;
    native.ringWake(this.block.segment.id, (this.#at + asleep) * 4, 1);
  }

  #refusal(): MultiprocError {
    if (this.#closed) return new ClosedError('The queue is closed in this process');
    if ((this.state & ended) !== 0) return new ClosedError('The queue has ended: nothing can be put any more');
    return new MultiprocError('EPIPE: nobody will read what is put', { code: 'EPIPE' });
  }

  #broken(): MultiprocError {
    return damaged(`${this.block.segment.fileName} has a position outside of its memory`);
  }
}

function checkGeometry(block: Block, first: number, { base, count: extents }: Geometry): void {
  const sound =
    base === smallestExtent &&
    extents >= 1 &&
    extents <= layout.ringExtents &&
    first + sizeOf({ base, count: extents }) <= block.segment.size;
  if (sound) return;
  throw new MultiprocError(`/dev/shm/${block.segment.fileName} cannot be used: the ring in it has impossible sizes`, {
    code: 'ERR_MULTIPROC_SEGMENT',
  });
}
