/**
 * The memory in which a joinable queue keeps messages that were taken, or that wait to be taken again.
 *
 * Behind the ring's extents lie blocks, one after the other: a header and a message's record. A block with the owner 0 is
 * free. Sizes change by single stores that leave a chain of whole blocks each time: a split writes the rest first; free
 * neighbours are joined only by a search for room. The caller holds the lock of the ring's taking end.
 */
import { MultiprocError, SystemError } from '../errors.js';
import { native } from '../native.js';
import { Window } from '../serialize/records.js';
import { BlockWord, headerUnits, KeptWord } from '../shared/delivery-layout.js';
import type { Segment } from '../shared/segment.js';
import { noMemoryFor } from '../shared/shortage.js';
import { unit } from './extents.js';

const page = 4096;
const unitsOfPage = page / unit;

/** Blocks lie in the first 2 GiB: their positions are counted in 31 bits, and one window shows them. */
const maxPages = 2 ** 31 / page;

/** So much keeps its memory when there are no messages. */
const keptPages = 64;
const minWindow = 64 * 1024;

/** Bytes for the blocks of a queue with this capacity: as much again, and the headers. */
export function sizeOfBlocks(capacity: number): number {
  return Math.min(Math.ceil((2 * capacity) / page) + keptPages, maxPages) * page;
}

export class KeptBlocks {
  readonly #segment: Segment;
  readonly #words: Int32Array;
  /** Where the blocks begin in the segment, in bytes. */
  readonly #first: number;
  readonly #capacityPages: number;
  #window: Window | undefined;

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if the blocks do not lie in the segment */
  constructor(segment: Segment, words: Int32Array, first: number, capacity: number) {
    this.#segment = segment;
    this.#words = words;
    this.#first = first;
    this.#capacityPages = Math.ceil(capacity / page) + keptPages;
    if (first + this.#pages * page > segment.size) throw this.damaged();
  }

  /** In the words of a new queue. */
  static init(words: Int32Array, first: number, bytes: number): void {
    words[KeptWord.pages] = bytes / page;
    words[KeptWord.firstPage] = first / page;
  }

  /** The words of all blocks. */
  get words(): Int32Array {
    return this.#show(this.top).words;
  }

  /** The blocks lie before it, in units. */
  get top(): number {
    const top = this.#words[KeptWord.top] as number;
    if (top < 0 || top > this.#reserved * unitsOfPage) throw this.damaged();
    return top;
  }

  /** Bytes that blocks take. */
  get used(): number {
    return Math.min(Math.max(this.#words[KeptWord.top] as number, 0), maxPages * unitsOfPage) * unit;
  }

  /** Whether a block's header may lie there. */
  has(block: number): boolean {
    return block >= 0 && block + headerUnits <= this.top;
  }

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if no block can lie there */
  check(block: number): void {
    if (!this.has(block)) throw this.damaged();
  }

  read(block: number, word: number): number {
    this.check(block);
    return this.words[block * 2 + word] as number;
  }

  /** Calls back for each block; those that are made meanwhile may be left out. */
  walk(visit: (block: number, owner: number, words: Int32Array) => void): void {
    const { top, words } = this;
    for (let block = 0; block < top; block += this.#size(words, block, top)) {
      visit(block, words[block * 2 + BlockWord.owner] as number, words);
    }
  }

  /** Where the record in a block lies, and the units that it has at most. */
  record(block: number): { readonly window: Window; readonly at: number; readonly units: number } {
    const { top } = this;
    const window = this.#show(top);
    this.check(block);
    const size = this.#size(window.words, block, top);
    return { window, at: block + headerUnits, units: size - headerUnits };
  }

  /**
   * A free block whose record may have so many units. Until it gets an owner it is anyone's: its caller writes and
   * gives it one before the lock is free.
   *
   * @throws SystemError `ENOSPC` if there is no memory: what was taken before has to be acknowledged first
   */
  allocate(recordUnits: number): number {
    const units = headerUnits + recordUnits;
    const { top, words } = this;
    const rover = this.#words[KeptWord.rover] as number;
    const start = rover >= 0 && rover < top ? rover : 0;
    for (const [from, to] of [
      [start, top],
      [0, start],
    ] as const) {
      for (let block = from; block < to; block += this.#size(words, block, top)) {
        if (words[block * 2 + BlockWord.owner] !== 0) continue;
        const size = this.#join(words, block, top);
        if (size < units) continue;
        this.#split(words, block, size, units);
        return block;
      }
    }
    return this.#grow(top, units);
  }

  /** A dead owner of the lock may have moved the mark of the last search to where no block begins any more. */
  mend(): void {
    Atomics.store(this.#words, KeptWord.rover, 0);
  }

  /** Gives memory back. Precondition: all blocks are free. */
  shrink(): void {
    const pages = this.#reserved;
    if (pages <= keptPages) return;
    const words = this.#words;
    Atomics.store(words, KeptWord.rover, 0);
    Atomics.store(words, KeptWord.top, 0);
    // In this order: pages below `reserved` always have memory.
    Atomics.store(words, KeptWord.reserved, keptPages);
    native.segmentDiscard(this.#segment.id, this.#first + keptPages * page, (pages - keptPages) * page);
  }

  damaged(): MultiprocError {
    return new MultiprocError(
      `/dev/shm/${this.#segment.fileName} cannot be used: its messages that were taken lie outside of its memory`,
      { code: 'ERR_MULTIPROC_SEGMENT' },
    );
  }

  get #pages(): number {
    return Math.min(Math.max(this.#words[KeptWord.pages] as number, 0), maxPages);
  }

  /** Pages that have memory: whatever the word says, they lie inside of the segment. */
  get #reserved(): number {
    return Math.min(Math.max(this.#words[KeptWord.reserved] as number, 0), this.#pages);
  }

  #size(words: Int32Array, block: number, top: number): number {
    const size = words[block * 2 + BlockWord.size] as number;
    if (size < headerUnits || size > top - block) throw this.damaged();
    return size;
  }

  /** Joins a free block with the free ones behind it. */
  #join(words: Int32Array, block: number, top: number): number {
    let size = this.#size(words, block, top);
    const before = size;
    while (block + size < top && words[(block + size) * 2 + BlockWord.owner] === 0) {
      size += this.#size(words, block + size, top);
    }
    if (size === before) return size;
    // First: a rover among the joined ones would point to no block.
    Atomics.store(this.#words, KeptWord.rover, block);
    Atomics.store(words, block * 2 + BlockWord.size, size);
    return size;
  }

  #split(words: Int32Array, block: number, size: number, units: number): void {
    const rest = block + units;
    if (size - units >= headerUnits) {
      Atomics.store(words, rest * 2 + BlockWord.owner, 0);
      Atomics.store(words, rest * 2 + BlockWord.size, size - units);
      Atomics.store(words, block * 2 + BlockWord.size, units);
    }
    Atomics.store(this.#words, KeptWord.rover, block);
  }

  #grow(top: number, units: number): number {
    const end = top + units;
    const needed = Math.ceil(end / unitsOfPage);
    const has = this.#reserved;
    if (needed > has) this.#reserve(has, needed);
    const { words } = this.#show(end);
    Atomics.store(words, top * 2 + BlockWord.owner, 0);
    Atomics.store(words, top * 2 + BlockWord.size, units);
    Atomics.store(this.#words, KeptWord.top, end);
    return top;
  }

  #reserve(has: number, needed: number): void {
    const max = Math.min(this.#capacityPages, this.#pages);
    if (needed > max) throw this.#noRoom();
    const generous = Math.min(Math.max(needed, has + Math.ceil(has / 4), keptPages), max);
    for (const pages of [generous, needed]) {
      if (!this.#back(has, pages)) continue;
      Atomics.store(this.#words, KeptWord.reserved, pages);
      return;
    }
    throw noMemoryFor('a message that is kept until it is acknowledged', (needed - has) * page);
  }

  #back(has: number, pages: number): boolean {
    try {
      native.segmentReserve(this.#segment.id, this.#first + has * page, (pages - has) * page);
      return true;
    } catch (error) {
      if (error instanceof SystemError && (error.code === 'ENOSPC' || error.code === 'ENOMEM')) return false;
      throw error;
    }
  }

  /** The blocks before `end`, at least. */
  #show(end: number): Window {
    const shown = this.#window;
    if (shown !== undefined && shown.end >= end) return shown;
    let size = minWindow;
    while (size < end * unit) size *= 2;
    const window = new Window(this.#segment.buffer(this.#first, Math.min(size, this.#pages * page)), 0);
    if (shown !== undefined) this.#segment.detach(shown.words.buffer as ArrayBuffer);
    this.#window = window;
    return window;
  }

  #noRoom(): SystemError {
    return new SystemError(
      'ENOSPC: there is no memory to keep further messages: acknowledge those that are open, ' +
        'drop dead letters, or make the queue with a larger "capacity"',
      { code: 'ENOSPC', errno: 28, syscall: 'get', path: this.#segment.fileName },
    );
  }
}
