/**
 * What consumers of a joinable queue took and have not acknowledged: kept, so that what a dead one had is delivered again.
 *
 * Behind the ring's extents lie blocks, one after the other: a header (size in units; owner; number of the message; 0) and
 * a message's record. Owner 0: the block is free; `again`: its consumer has died, and the message waits to be taken anew.
 * A message is written to a free block before it is taken from the ring; it becomes its consumer's behind the one store
 * that takes it, and free with the acknowledgement. Sizes change by single stores that leave a chain of whole blocks each
 * time: what is split is written first; free neighbours are joined only when somebody looks for room.
 *
 * Everything happens under the lock of the ring's taking end, and is mended by the next owner of a dead one's lock.
 */
import { MultiprocError, SystemError } from '../errors.js';
import { layout, native } from '../native.js';
import { Damage, Later, readRecord, Window } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { EndWord, Fact, GetWord, getEnd, ledgerWords } from '../shared/ring-layout.js';
import type { Segment } from '../shared/segment.js';
import { unit } from './extents.js';
import type { Ledger } from './unfinished.js';

const page = 4096;
const unitsOfPage = page / unit;

// Words of their own, where other joinable queues count by participant.
const own = ledgerWords;
/** Of the blocks' part of the segment: how large it is, and how much has memory. */
const pagesWord = own;
const reservedWord = own + 1;
/** The blocks lie before it, in units. */
const topWord = own + 2;
/** Where the last search for room ended. */
const roverWord = own + 3;
/** 1 + the block of the message that is about to be taken, and of the one that is about to be acknowledged. */
const takingWord = own + 4;
const freeingWord = own + 5;

const { taker, acknowledging, nextDone } = GetWord;
/** How many messages were ever taken from the ring. */
const takenWord = getEnd + EndWord.count;

// Words of a block.
const sizeOf = 0;
const owner = 1;
const number = 2;
const headerUnits = 2;

/** No participant's id: the message is nobody's. */
const again = 1 << 30;

/** Blocks lie in the first 2 GiB: their positions are counted in 31 bits, and one window shows them. */
const mostPages = 2 ** 31 / page;
const mostNoted = 10_000;

/** So much keeps its memory when nothing is unacknowledged. */
const keptPages = 64;
const leastWindow = 64 * 1024;

/** Bytes for the blocks of a queue with this capacity: as much again, and the headers. */
export function sizeOfBlocks(capacity: number): number {
  return Math.min(Math.ceil((2 * capacity) / page) + keptPages, mostPages) * page;
}

interface Noted {
  readonly block: number;
  readonly number: number;
}

export class Redelivery implements Ledger {
  readonly #segment: Segment;
  readonly #words: Int32Array;
  readonly #at: number;
  /** Where the blocks begin in the segment, in bytes. */
  readonly #first: number;
  readonly #capacityPages: number;
  #window: Window | undefined;
  /** The block for {@link prepare}. */
  #fresh = -1;
  /** What this object took, oldest first: spares looking for it. */
  #mine: Noted[] = [];
  /** It took too many to know them all: they are looked for until all are acknowledged. */
  #tooMany = false;
  /** Bytes of what was acknowledged last, if objects may be on their way in it. */
  #settled: Buffer[] = [];

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if the blocks do not lie in the segment */
  constructor(segment: Segment, words: Int32Array, at: number, first: number, capacity: number) {
    this.#segment = segment;
    this.#words = words;
    this.#at = at;
    this.#first = first;
    this.#capacityPages = Math.ceil(capacity / page) + keptPages;
    if (first + this.#pages * page > segment.size) throw this.#damaged();
  }

  /** In the words of a new queue. */
  static init(words: Int32Array, bytes: number): void {
    words[pagesWord] = bytes / page;
  }

  get done(): number {
    return Atomics.load(this.#words, this.#at + Fact.done);
  }

  /** How many messages wait to be taken anew. */
  get returned(): number {
    return Atomics.load(this.#words, this.#at + Fact.returned);
  }

  /**
   * Copies the record that begins at the unit `at` of the window: it is about to be taken.
   *
   * @throws SystemError `ENOSPC` if there is no memory: what was taken before has to be acknowledged first
   */
  keep(from: Window, at: number, units: number, messageNumber: number): void {
    const block = this.#allocate(headerUnits + units);
    const { words } = this.#show(block + headerUnits + units);
    Atomics.store(words, block * 2 + number, messageNumber);
    words.set(from.words.subarray(at * 2, (at + units) * 2), (block + headerUnits) * 2);
    this.#fresh = block;
  }

  prepare(id: number): void {
    Atomics.store(this.#words, this.#at + taker, id);
    Atomics.store(this.#words, takingWord, this.#fresh + 1);
  }

  commit(): void {
    const block = (this.#words[takingWord] as number) - 1;
    if (block < 0) return;
    this.#setOwner(block, this.#words[this.#at + taker] as number);
    Atomics.store(this.#words, takingWord, 0);
    this.#note(block);
  }

  /** Takes the oldest message whose consumer has died; `undefined` if there is none. */
  takeAgain(id: number): unknown {
    const block = this.#oldest((one) => one === again);
    Atomics.store(this.#words, this.#at + Fact.returned, block < 0 ? 0 : Math.max(this.returned - 1, 0));
    if (block < 0) return undefined;
    let value: unknown;
    try {
      value = this.#read(block);
    } catch (error) {
      value = new Damage(error);
    }
    if (value instanceof Later) value.kept = true;
    this.#setOwner(block, id);
    this.#note(block);
    return value;
  }

  /** The participant says that the oldest message that it took is done; or, if it took none, one of somebody else's. */
  acknowledge(id: number): void {
    const words = this.#words;
    let block = this.#myOldest(id);
    if (block < 0) {
      block = this.#oldest((one) => one === id);
      if (block < 0) this.#tooMany = false;
    }
    if (block < 0) block = this.#oldest((one) => one !== 0 && one !== again);
    if (block >= 0) this.#noteObjects(block);
    Atomics.store(words, this.#at + nextDone, ((words[this.#at + Fact.done] as number) + 1) | 0);
    Atomics.store(words, freeingWord, block + 1);
    Atomics.store(words, this.#at + acknowledging, 1);
    this.#finish();
    this.#shrink();
  }

  /** Messages that were acknowledged since the last call, with objects whose memory may have been kept for them. */
  settled(): Buffer[] {
    return this.#settled.splice(0);
  }

  anyDead(): boolean {
    return true;
  }

  /** Finds what dead consumers had. How many messages wait to be taken anew. */
  bury(): number {
    let count = 0;
    let living = 0;
    this.#walk((block, one) => {
      if (one === 0) return;
      if (one !== again) {
        if (one === living || !native.isDead(one)) {
          living = one;
          return;
        }
        this.#setOwner(block, again);
      }
      count++;
    });
    Atomics.store(this.#words, this.#at + Fact.returned, count);
    return count;
  }

  mend(moved: boolean): void {
    const words = this.#words;
    if (words[this.#at + acknowledging] !== 0) this.#finish();
    const block = (words[takingWord] as number) - 1;
    if (moved && block >= 0) this.#setOwner(block, words[this.#at + taker] as number);
    Atomics.store(words, takingWord, 0);
    Atomics.store(words, roverWord, 0);
  }

  get #pages(): number {
    return Math.min(Math.max(this.#words[pagesWord] as number, 0), mostPages);
  }

  get #top(): number {
    const top = this.#words[topWord] as number;
    if (top < 0 || top > this.#reserved * unitsOfPage) throw this.#damaged();
    return top;
  }

  /** Pages that have memory: whatever the word says, they lie inside of the segment. */
  get #reserved(): number {
    return Math.min(Math.max(this.#words[reservedWord] as number, 0), this.#pages);
  }

  #finish(): void {
    const words = this.#words;
    const block = (words[freeingWord] as number) - 1;
    if (block >= 0) this.#setOwner(block, 0);
    Atomics.store(words, this.#at + Fact.done, words[this.#at + nextDone] as number);
    Atomics.store(words, this.#at + acknowledging, 0);
  }

  #setOwner(block: number, id: number): void {
    if (block + headerUnits > this.#top) throw this.#damaged();
    Atomics.store(this.#show(this.#top).words, block * 2 + owner, id);
  }

  #note(block: number): void {
    if (this.#tooMany) return;
    this.#mine.push({ block, number: this.#show(this.#top).words[block * 2 + number] as number });
    if (this.#mine.length < mostNoted) return;
    this.#mine = [];
    this.#tooMany = true;
  }

  #myOldest(id: number): number {
    const top = this.#top;
    const { words } = this.#show(top);
    for (let noted = this.#mine.shift(); noted !== undefined; noted = this.#mine.shift()) {
      const { block } = noted;
      // Somebody else may have acknowledged it.
      const stands = block + headerUnits <= top && words[block * 2 + owner] === id;
      if (stands && words[block * 2 + number] === noted.number) return block;
    }
    return -1;
  }

  #oldest(wanted: (owner: number) => boolean): number {
    const words = this.#show(this.#top).words;
    let found = -1;
    this.#walk((block, one) => {
      if (!wanted(one)) return;
      const age = (words[block * 2 + number] as number) - (words[found * 2 + number] as number);
      if (found < 0 || (age | 0) < 0) found = block;
    });
    return found;
  }

  #walk(visit: (block: number, owner: number) => void): void {
    const top = this.#top;
    const { words } = this.#show(top);
    for (let block = 0; block < top; block += this.#size(words, block, top)) {
      visit(block, words[block * 2 + owner] as number);
    }
  }

  #size(words: Int32Array, block: number, top: number): number {
    const size = words[block * 2 + sizeOf] as number;
    if (size < headerUnits || size > top - block) throw this.#damaged();
    return size;
  }

  #read(block: number): unknown {
    const top = this.#top;
    const window = this.#show(top);
    const size = this.#size(window.words, block, top);
    return readRecord(window, block + headerUnits, size - headerUnits);
  }

  #noteObjects(block: number): void {
    const window = this.#show(this.#top);
    const record = block + headerUnits;
    if (((window.words[record * 2] as number) & 0xff) !== Tag.clone) return;
    const value = this.#read(block);
    if (value instanceof Later && value.bytes.includes(prefix)) this.#settled.push(value.bytes);
  }

  /** A free block of so many units. */
  #allocate(units: number): number {
    const top = this.#top;
    const { words } = this.#show(top);
    const rover = this.#words[roverWord] as number;
    const start = rover >= 0 && rover < top ? rover : 0;
    for (const [from, to] of [
      [start, top],
      [0, start],
    ] as const) {
      for (let block = from; block < to; block += this.#size(words, block, top)) {
        if (words[block * 2 + owner] !== 0) continue;
        const size = this.#join(words, block, top);
        if (size < units) continue;
        this.#split(words, block, size, units);
        return block;
      }
    }
    return this.#grow(top, units);
  }

  /** Joins a free block with the free ones behind it. */
  #join(words: Int32Array, block: number, top: number): number {
    let size = this.#size(words, block, top);
    const before = size;
    while (block + size < top && words[(block + size) * 2 + owner] === 0) {
      size += this.#size(words, block + size, top);
    }
    if (size === before) return size;
    // First: a rover among what is joined would point to no block.
    Atomics.store(this.#words, roverWord, block);
    Atomics.store(words, block * 2 + sizeOf, size);
    return size;
  }

  #split(words: Int32Array, block: number, size: number, units: number): void {
    const rest = block + units;
    if (size - units >= headerUnits) {
      Atomics.store(words, rest * 2 + owner, 0);
      Atomics.store(words, rest * 2 + sizeOf, size - units);
      Atomics.store(words, block * 2 + sizeOf, units);
    }
    Atomics.store(this.#words, roverWord, block);
  }

  #grow(top: number, units: number): number {
    const end = top + units;
    const needed = Math.ceil(end / unitsOfPage);
    const has = this.#reserved;
    if (needed > has) this.#reserve(has, needed);
    const { words } = this.#show(end);
    Atomics.store(words, top * 2 + owner, 0);
    Atomics.store(words, top * 2 + sizeOf, units);
    Atomics.store(this.#words, topWord, end);
    return top;
  }

  #reserve(has: number, needed: number): void {
    const most = Math.min(this.#capacityPages, this.#pages);
    if (needed > most) throw this.#noRoom();
    const pages = Math.min(Math.max(needed, has + Math.ceil(has / 4), keptPages), most);
    try {
      native.segmentReserve(this.#segment.id, this.#first + has * page, (pages - has) * page);
    } catch (error) {
      if (error instanceof SystemError && (error.code === 'ENOSPC' || error.code === 'ENOMEM')) throw this.#noRoom();
      throw error;
    }
    Atomics.store(this.#words, reservedWord, pages);
  }

  /** Gives memory back when nothing is unacknowledged. */
  #shrink(): void {
    const pages = this.#reserved;
    const taken = this.#words[this.#at + takenWord] as number;
    if (pages <= keptPages || this.done !== taken) return;
    let free = true;
    this.#walk((_, one) => {
      if (one !== 0) free = false;
    });
    if (!free) return;
    Atomics.store(this.#words, roverWord, 0);
    Atomics.store(this.#words, topWord, 0);
    // In this order: what is said to have memory always has it.
    Atomics.store(this.#words, reservedWord, keptPages);
    native.segmentDiscard(this.#segment.id, this.#first + keptPages * page, (pages - keptPages) * page);
  }

  /** The blocks before `end`, at least. */
  #show(end: number): Window {
    const shown = this.#window;
    if (shown !== undefined && shown.end >= end) return shown;
    let size = leastWindow;
    while (size < end * unit) size *= 2;
    const window = new Window(this.#segment.buffer(this.#first, Math.min(size, this.#pages * page)), 0);
    if (shown !== undefined) this.#segment.detach(shown.words.buffer as ArrayBuffer);
    this.#window = window;
    return window;
  }

  #noRoom(): SystemError {
    return new SystemError('ENOSPC: there is no memory to keep further messages until they are acknowledged', {
      code: 'ENOSPC',
      errno: 28,
      syscall: 'get',
      path: this.#segment.fileName,
    });
  }

  #damaged(): MultiprocError {
    return new MultiprocError(
      `/dev/shm/${this.#segment.fileName} cannot be used: what was taken and not acknowledged lies outside of its memory`,
      { code: 'ERR_MULTIPROC_SEGMENT' },
    );
  }
}

/** Of the names of files of ours, as they stand in messages with handles. */
const prefix = Buffer.from(`multiproc-${layout.abi}-`);
