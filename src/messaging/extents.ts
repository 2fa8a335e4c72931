/**
 * Where the records of a ring lie: extents of one sparse segment, each twice as large as the one before.
 *
 * The first one always has memory. The others get theirs page by page when the ring grows into them, and give it back
 * when they have been drained.
 */
import { SystemError } from '../errors.js';
import { layout, native } from '../native.js';
import { Window } from '../serialize/records.js';
import { BlockKind } from '../shared/block.js';
import type { Segment } from '../shared/segment.js';
import { shmSpace } from '../shared/shm-folder.js';

/** Bytes of a unit: records begin at multiples of it. */
export const unit = 8;
const page = 4096;
const unitsOfPage = page / unit;

/** Bytes of the first extent, unless the user of the ring wants another size. */
export const smallestExtent = 64 * 1024;
const largestExtent = 2 ** 31;
/** Positions are units in 31 bits. */
const mostBytes = 2 ** 31 * unit - largestExtent;

/**
 * A drained extent up to this size keeps its memory, if that is no more than an eighth of the capacity: it is likely to
 * be needed again, and for large messages to reserve memory and to fault it in costs more than to copy them.
 */
const mostKept = 16 * 1024 * 1024;
const alwaysKept = 1024 * 1024;
const leastGrowth = 256 * 1024;

/** How large the extents of a ring are. */
export interface Geometry {
  /** Bytes of the first one. */
  readonly base: number;
  readonly count: number;
}

/** As many extents as may be needed for `capacity` bytes of records. */
export function geometryFor(capacity: number, base = smallestExtent): Geometry {
  let count = 1;
  let size = base;
  // Two that hold any message: the largest one is drained, but not left yet, when the next large message comes.
  let previous = 0;
  for (let total = size; (previous < capacity || total < 2 * capacity) && count < layout.ringExtents; count++) {
    previous = size;
    size = Math.min(size * 2, largestExtent);
    if (total + size > mostBytes) break;
    total += size;
  }
  return { base, count };
}

/** Where in the segment the first extent lies: behind the words, and what else the kind of queue keeps. */
export function startOfExtents(kind: BlockKind): number {
  return kind === BlockKind.joinableQueue ? 18 * page : page;
}

/** Bytes of all extents together. */
export function sizeOf({ base, count }: Geometry): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += Math.min(base * 2 ** i, largestExtent);
  return total;
}

/** Half of the free shared memory, in bytes. */
export function defaultCapacity(): number {
  const { free, capacity } = shmSpace();
  return Math.min(Math.floor((capacity === 0 ? mostBytes : free) / 2), mostBytes / 4);
}

export class Extents {
  readonly count: number;
  readonly #segment: Segment;
  readonly #first: number;
  readonly #capacityPages: number;
  /** Bytes. */
  readonly #kept: number;
  /** Of the pairs (used, reserved pages) in the segment's words. */
  readonly #table: number;
  /** In units, one more than there are extents. */
  readonly #starts: number[] = [0];
  readonly #windows: (Window | undefined)[] = [];
  /** The least number of bytes that the system refused since this was 0. */
  lacking = 0;

  constructor(segment: Segment, first: number, geometry: Geometry, capacity: number, table: number) {
    this.#segment = segment;
    this.#first = first;
    this.#table = table;
    this.#capacityPages = Math.max(Math.floor(capacity / page), 1);
    this.#kept = Math.max(Math.min(capacity / 8, mostKept), alwaysKept);
    this.count = geometry.count;
    for (let i = 0; i < geometry.count; i++) {
      const size = Math.min(geometry.base * 2 ** i, largestExtent);
      this.#starts.push((this.#starts[i] as number) + size / unit);
    }
  }

  /** Which extent the position lies in; −1 for none. */
  indexOf(position: number): number {
    for (let i = 0; i < this.count; i++) {
      if (position >= (this.#starts[i] as number) && position < (this.#starts[i + 1] as number)) return i;
    }
    return -1;
  }

  start(index: number): number {
    return this.#starts[index] as number;
  }

  /** In units. */
  size(index: number): number {
    return (this.#starts[index + 1] as number) - (this.#starts[index] as number);
  }

  window(index: number): Window {
    let window = this.#windows[index];
    if (window === undefined) {
      const start = this.start(index);
      const buffer = this.#segment.buffer(this.#first + start * unit, this.size(index) * unit);
      window = new Window(buffer, start);
      this.#windows[index] = window;
    }
    return window;
  }

  used(index: number): boolean {
    return this.use(index) !== 0;
  }

  /** Another number each time that the extent is used; 0 while it is not. */
  use(index: number): number {
    return Atomics.load(this.#words, this.#table + 2 * index);
  }

  setUse(index: number, use: number): void {
    Atomics.store(this.#words, this.#table + 2 * index, use);
  }

  /** So many units of the extent, from its start on, have memory. */
  reserved(index: number): number {
    return this.#pages(index) * unitsOfPage;
  }

  /** Makes sure that the first `units` of the extent have memory. `false` if there is none, or the capacity forbids it. */
  reserve(index: number, units: number): boolean {
    const size = this.size(index) / unitsOfPage;
    const needed = Math.ceil(units / unitsOfPage);
    const at = this.#table + 2 * index + 1;
    const has = this.#pages(index);
    if (has >= needed) return true;
    if (needed > size) return false;
    if (this.#free() < needed - has) this.#reclaim(index);
    const free = this.#free();
    if (free < needed - has) return false;
    const generous = Math.min(has + Math.max(size / 8, leastGrowth / page), size, has + free);
    for (const pages of [Math.max(Math.floor(generous), needed), needed]) {
      if (!this.#back(index, has, pages)) continue;
      this.#words[at] = pages;
      return true;
    }
    if (this.#reclaim(index) && this.#back(index, has, needed)) {
      this.#words[at] = needed;
      return true;
    }
    const lacking = (needed - has) * page;
    this.lacking = this.lacking === 0 ? lacking : Math.min(this.lacking, lacking);
    return false;
  }

  /**
   * Gives back the memory of a drained extent that is still in use: the ring is empty, and its position lies there. The page
   * there keeps its memory, for the jump that leads on. Nothing can be put into the extent until it was left.
   *
   * @returns whether there was any memory
   */
  vacate(index: number, position: number): boolean {
    const pages = this.#pages(index);
    if (index === 0 || pages === 0) return false;
    const at = Math.floor((position - this.start(index)) / unitsOfPage);
    // In this order: what is said to have memory always has it.
    this.#words[this.#table + 2 * index + 1] = 0;
    this.#giveBack(index, 0, at);
    this.#giveBack(index, at + 1, pages);
    return true;
  }

  /** Whether so many units will fit, or the refused bytes be there, when all that is unread has been taken. */
  comesFree(units: number): boolean {
    let bytes = 0;
    for (let i = 0; i < this.count; i++) {
      if (units + 2 <= this.reserved(i)) return true;
      if (i > 0) bytes += this.#pages(i) * page;
    }
    const { free, capacity } = shmSpace();
    return capacity === 0 || free + bytes >= this.lacking;
  }

  /** The extent has been drained. Nothing if it was released already: it may be in use again. */
  release(index: number, use: number): void {
    if (this.use(index) !== use) return;
    if (index > 0 && this.size(index) * unit > this.#kept) this.#discard(index, this.size(index) / unitsOfPage);
    this.setUse(index, 0);
  }

  /** Whether a record of so many units can be put at all. */
  fits(units: number): boolean {
    // The first extent keeps its memory.
    const most = Math.min(this.size(this.count - 1), (this.#capacityPages - this.#pages(0)) * unitsOfPage);
    return units + 2 <= most || units + 2 <= this.size(0);
  }

  get #words(): Int32Array {
    return this.#segment.words;
  }

  /** So many pages of the extent have memory: whatever the word says, they lie inside of it. */
  #pages(index: number): number {
    const pages = this.#words[this.#table + 2 * index + 1] as number;
    return Math.min(Math.max(pages, 0), this.size(index) / unitsOfPage);
  }

  /** Pages that the capacity still allows. The first extent does not count while it is the only one. */
  #free(): number {
    let pages = 0;
    for (let i = 0; i < this.count; i++) pages += this.#pages(i);
    return this.#capacityPages - pages;
  }

  #back(index: number, from: number, to: number): boolean {
    const offset = this.#first + this.start(index) * unit;
    try {
      native.segmentReserve(this.#segment.id, offset + from * page, (to - from) * page);
      return true;
    } catch (error) {
      if (error instanceof SystemError && (error.code === 'ENOSPC' || error.code === 'ENOMEM')) return false;
      throw error;
    }
  }

  /** Whether there was any memory to give back. */
  #reclaim(but: number): boolean {
    let reclaimed = false;
    for (let i = 1; i < this.count; i++) {
      if (i === but || this.used(i) || this.#pages(i) === 0) continue;
      this.#discard(i, this.#pages(i));
      reclaimed = true;
    }
    return reclaimed;
  }

  #discard(index: number, pages: number): void {
    // In this order: what is said to have memory always has it.
    this.#words[this.#table + 2 * index + 1] = 0;
    this.#giveBack(index, 0, pages);
  }

  #giveBack(index: number, from: number, to: number): void {
    if (from >= to) return;
    const offset = this.#first + this.start(index) * unit;
    native.segmentDiscard(this.#segment.id, offset + from * page, (to - from) * page);
  }
}
