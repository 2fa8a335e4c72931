/**
 * The memory of a shard's entries: blocks of some sizes, many in a page, and runs of pages for what is larger.
 *
 * All of this is derived from the links: `mend.ts` makes it anew after an owner of the shard's lock has died. The caller
 * holds that lock.
 */
import {
  blocksOfClass,
  EntryWord,
  maxBlockUnits,
  PageClass,
  PageWord,
  pageBytes,
  ShardWord,
  unitsOfClass,
} from '../shared/map-layout.js';
import type { MapMemory } from './memory.js';
import type { Pages, Run } from './pages.js';

/** The smallest class whose blocks have so many units. */
export const classOfUnits: Int32Array = new Int32Array(maxBlockUnits + 1);
for (let units = maxBlockUnits, size = blocksOfClass.length - 1; units >= 0; units--) {
  while (size > 0 && (unitsOfClass[size - 1] as number) >= units) size--;
  classOfUnits[units] = size;
}

/** In `blocks` of a page's descriptor: 1 + the first free block, how many were ever used, how many are in use. */
const freeMask = 0xff;
const freshShift = 8;
const usedShift = 16;

export class Blocks {
  readonly #memory: MapMemory;
  readonly #words: Int32Array;
  readonly #pages: Pages;

  constructor(memory: MapMemory, pages: Pages) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#pages = pages;
  }

  /** A block of this class, whose content is of no consequence; 0 if there is no memory. */
  take(shard: number, size: number): number {
    const words = this.#words;
    const at = this.#memory.shardAt(shard);
    const list = at + ShardWord.partial + size;
    let page = words[list] as number;
    if (page === 0) {
      page = this.#pages.takeOne(shard, size);
      if (page === 0) return 0;
      const fresh = this.#memory.descriptor(page);
      words[fresh + PageWord.next] = 0;
      words[fresh + PageWord.previous] = 0;
      words[fresh + PageWord.blocks] = 0;
      words[at + ShardWord.pages] = (words[at + ShardWord.pages] as number) + 1;
      words[list] = page;
    } else if (!this.#memory.hasPage(page) || this.#memory.stateOf(page) !== (((shard + 1) << 8) | size)) {
      throw this.#memory.damaged('a list of pages leads elsewhere');
    }
    const descriptor = this.#memory.descriptor(page);
    const state = words[descriptor + PageWord.blocks] as number;
    const most = blocksOfClass[size] as number;
    const units = unitsOfClass[size] as number;
    let free = state & freeMask;
    let fresh = (state >>> freshShift) & 0xff;
    const used = (state >>> usedShift) + 1;
    const index = free === 0 ? fresh++ : free - 1;
    if (index >= most || used > most) throw this.#memory.damaged('a page has more blocks than there are');
    const block = (page << 8) + index * units;
    if (free !== 0) free = (words[block << 2] as number) & freeMask;
    words[descriptor + PageWord.blocks] = free | (fresh << freshShift) | (used << usedShift);
    if (used === most) this.#unlist(list, page);
    return block;
  }

  /** Frees a block to which no link leads. */
  give(shard: number, block: number): void {
    const words = this.#words;
    const page = block >>> 8;
    const descriptor = this.#memory.descriptor(page);
    const size = (words[descriptor + PageWord.state] as number) & 0xff;
    const units = unitsOfClass[size];
    if (units === undefined) throw this.#memory.damaged('an entry lies in a page of another kind');
    const index = Math.floor((block & 255) / units);
    const state = words[descriptor + PageWord.blocks] as number;
    const used = state >>> usedShift;
    words[(block << 2) + EntryWord.meta] = 0;
    words[block << 2] = state & freeMask;
    words[descriptor + PageWord.blocks] = (index + 1) | (state & (0xff << freshShift)) | ((used - 1) << usedShift);
    const list = this.#memory.shardAt(shard) + ShardWord.partial + size;
    if (used === blocksOfClass[size]) this.#listAgain(shard, list, page);
    // The last page of a class stays, or taking and giving by turns would get and give a page each time.
    else if (used === 1 && (words[list] !== page || words[descriptor + PageWord.next] !== 0))
      this.#givePage(shard, page, list);
  }

  /** Frees the pages of classes that have no block in use. How many there were. */
  giveEmpty(shard: number): number {
    const words = this.#words;
    let given = 0;
    for (let size = 0; size < blocksOfClass.length; size++) {
      const list = this.#memory.shardAt(shard) + ShardWord.partial + size;
      const page = words[list] as number;
      if (page === 0 || !this.#memory.hasPage(page)) continue;
      const state = words[this.#memory.descriptor(page) + PageWord.blocks] as number;
      if (state >>> usedShift !== 0) continue;
      this.#givePage(shard, page, list);
      given++;
    }
    return given;
  }

  /** Whether the page has no block in use; then it is freed. */
  giveIfEmpty(shard: number, page: number): boolean {
    const words = this.#words;
    const descriptor = this.#memory.descriptor(page);
    const state = words[descriptor + PageWord.state] as number;
    if (state >> 8 !== shard + 1) return true;
    if ((words[descriptor + PageWord.blocks] as number) >>> usedShift !== 0) return false;
    this.#givePage(shard, page, this.#memory.shardAt(shard) + ShardWord.partial + (state & 0xff));
    return true;
  }

  /** The blocks of a page that were ever used; free ones have no meta. */
  *blocksIn(page: number): Generator<number> {
    const descriptor = this.#memory.descriptor(page);
    const size = (this.#words[descriptor + PageWord.state] as number) & 0xff;
    const units = unitsOfClass[size] ?? pageBytes;
    const fresh = ((this.#words[descriptor + PageWord.blocks] as number) >>> freshShift) & 0xff;
    for (let i = 0; i < fresh && (i + 1) * units <= 256; i++) yield (page << 8) + i * units;
  }

  /** The first block of runs of pages for so many bytes, with its runs linked; 0 if there is no memory. */
  takeLarge(shard: number, bytes: number): number {
    const runs = this.#pages.takeRuns(shard, bytes);
    if (runs === undefined) return 0;
    const words = this.#words;
    const at = this.#memory.shardAt(shard);
    for (const [i, { page, count }] of runs.entries()) {
      const word = page << 10;
      words[i === 0 ? word + EntryWord.runPages : word] = count;
      words[i === 0 ? word + EntryWord.nextRun : word + 1] = runs[i + 1]?.page ?? 0;
      words[at + ShardWord.pages] = (words[at + ShardWord.pages] as number) + count;
    }
    return (runs[0] as Run).page << 8;
  }

  giveLarge(shard: number, block: number): void {
    const words = this.#words;
    words[(block << 2) + EntryWord.meta] = 0;
    const runs = this.runsOf(shard, block);
    const at = this.#memory.shardAt(shard) + ShardWord.pages;
    words[at] = (words[at] as number) - runs.reduce((sum, { count }) => sum + count, 0);
    this.#pages.give(runs);
  }

  /**
   * The runs of a large entry, checked.
   *
   * @throws MultiprocError `ERR_MULTIPROC_SEGMENT`
   */
  runsOf(shard: number, block: number): Run[] {
    const words = this.#words;
    const runs: Run[] = [];
    let left = this.#memory.capacityPages;
    let page = block >>> 8;
    let word = page << 10;
    let count = words[word + EntryWord.runPages] as number;
    let next = words[word + EntryWord.nextRun] as number;
    for (;;) {
      this.#checkRun(shard, page, count);
      runs.push({ page, count });
      left -= count;
      if (left < 0) throw this.#memory.damaged('an entry has more pages than there are');
      page = next;
      if (page === 0) return runs;
      if (!this.#memory.hasPage(page)) throw this.#memory.damaged('an entry goes on outside of the pages');
      word = page << 10;
      count = words[word] as number;
      next = words[word + 1] as number;
    }
  }

  #checkRun(shard: number, page: number, count: number): void {
    const state = (shard + 1) << 8;
    const sound =
      count >= 1 &&
      (page & 255) + count <= 256 &&
      this.#memory.stateOf(page) === (state | PageClass.first) &&
      this.#words[this.#memory.descriptor(page) + PageWord.next] === count;
    if (!sound) throw this.#memory.damaged('a run of pages has another length');
    for (let i = 1; i < count; i++) {
      if (this.#memory.stateOf(page + i) !== (state | PageClass.further)) {
        throw this.#memory.damaged('a page of an entry belongs to another one');
      }
    }
  }

  /** Sets what is known about a page of blocks, of which those in `isUsed` are in use. For mending. */
  restore(shard: number, page: number, size: number, isUsed: (block: number) => boolean): void {
    const words = this.#words;
    const most = blocksOfClass[size] as number;
    const units = unitsOfClass[size] as number;
    let free = 0;
    let used = 0;
    for (let index = most - 1; index >= 0; index--) {
      const block = (page << 8) + index * units;
      if (isUsed(block)) {
        used++;
        continue;
      }
      words[(block << 2) + EntryWord.meta] = 0;
      words[block << 2] = free;
      free = index + 1;
    }
    words[this.#memory.descriptor(page) + PageWord.blocks] = free | (most << freshShift) | (used << usedShift);
    if (used < most) this.#list(this.#memory.shardAt(shard) + ShardWord.partial + size, page);
  }

  /** Lists a page that has one free block now. An empty page stays only while it is the only one of its list. */
  #listAgain(shard: number, list: number, page: number): void {
    const first = this.#words[list] as number;
    if (first !== 0) {
      const state = this.#words[this.#descriptorOf(first) + PageWord.blocks] as number;
      if (state >>> usedShift === 0) this.#givePage(shard, first, list);
    }
    this.#list(list, page);
  }

  #givePage(shard: number, page: number, list: number): void {
    this.#unlist(list, page);
    const at = this.#memory.shardAt(shard) + ShardWord.pages;
    this.#words[at] = (this.#words[at] as number) - 1;
    this.#pages.giveOne(page);
  }

  #list(list: number, page: number): void {
    const words = this.#words;
    const descriptor = this.#memory.descriptor(page);
    const first = words[list] as number;
    if (first !== 0) words[this.#descriptorOf(first) + PageWord.previous] = page;
    words[descriptor + PageWord.next] = first;
    words[descriptor + PageWord.previous] = 0;
    words[list] = page;
  }

  #unlist(list: number, page: number): void {
    const words = this.#words;
    const descriptor = this.#memory.descriptor(page);
    const next = words[descriptor + PageWord.next] as number;
    const previous = words[descriptor + PageWord.previous] as number;
    if (next !== 0) words[this.#descriptorOf(next) + PageWord.previous] = previous;
    if (previous !== 0) words[this.#descriptorOf(previous) + PageWord.next] = next;
    else words[list] = next;
  }

  #descriptorOf(page: number): number {
    if (!this.#memory.hasPage(page)) throw this.#memory.damaged('a list of pages leads elsewhere');
    return this.#memory.descriptor(page);
  }
}
