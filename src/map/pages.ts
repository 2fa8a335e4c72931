/**
 * The pages of a map: free ones, ones with memory, and the shard of each page in use.
 *
 * Their states alone decide. They change under the lock of the pages, which is taken with the lock of the shard that
 * gets or gives pages. After the death of an owner the states are walked: its shard frees pages without entries, and
 * the counts here are counted again.
 */
import { now } from '../deadline.js';
import { SystemError } from '../errors.js';
import { native } from '../native.js';
import {
  dataPagesOfRegion,
  entryBytes,
  firstPageOfRegion,
  MapWord,
  PageClass,
  PageState,
  PageWord,
  pageBytes,
  regionBytes,
  regionPages,
  runBytes,
} from '../shared/map-layout.js';
import type { MapMemory } from './memory.js';

/** Pages that get their memory together. */
const batch = 16;
/** Number of free pages that keep their memory; or an eighth of all. */
const keptPages = 64;
/** A reader that has read a link may look at that page for so long: only then free pages lose their memory. */
const graceSeconds = 1;

/** Consecutive pages. */
export interface Run {
  readonly page: number;
  readonly count: number;
}

export class Pages {
  readonly #memory: MapMemory;
  readonly #words: Int32Array;
  /** Whether /dev/shm had no memory for pages since this was last set to `false`. */
  lacksMemory = false;

  constructor(memory: MapMemory) {
    this.#memory = memory;
    this.#words = memory.words;
  }

  /** Returns a page for a shard; 0 without a free one. */
  takeOne(shard: number, pageClass: number): number {
    return this.#locked(() => {
      const words = this.#words;
      if ((words[MapWord.usedPages] as number) >= this.#memory.capacityPages) return 0;
      let page = this.#next(PageState.free);
      if (page === 0 && this.#backMore()) page = this.#next(PageState.free);
      if (page !== 0) this.#own(page, shard, pageClass);
      return page;
    });
  }

  /** Returns the first of consecutive pages for a shard's table; 0 without them. */
  takeTable(shard: number, count: number): number {
    return this.#locked(() => {
      if (count > dataPagesOfRegion || !this.#mayUse(count)) return 0;
      const run = this.#findRun(count);
      if (run === undefined || !this.#back(run)) return 0;
      for (let i = 0; i < count; i++) this.#own(run.page + i, shard, PageClass.table);
      this.#words[this.#memory.descriptor(run.page) + PageWord.next] = count;
      return run.page;
    });
  }

  /** Runs of pages for an entry of so many bytes, header included; `undefined` if there are not enough. */
  takeRuns(shard: number, bytes: number): readonly Run[] | undefined {
    return this.#locked(() => {
      const needed = Math.ceil(bytes / pageBytes);
      if (!this.#mayUse(needed)) return undefined;
      const whole = needed <= dataPagesOfRegion ? this.#findRun(needed) : undefined;
      const runs = whole !== undefined ? [whole] : this.#gather(bytes);
      if (runs === undefined || !this.#mayUse(runs.reduce((sum, { count }) => sum + count, 0))) return undefined;
      const backed: number[] = [];
      if (!runs.every((run) => this.#back(run, backed))) {
        this.#unback(backed);
        return undefined;
      }
      for (const { page, count } of runs) {
        this.#words[this.#memory.descriptor(page) + PageWord.next] = count;
        for (let i = 0; i < count; i++) this.#own(page + i, shard, i === 0 ? PageClass.first : PageClass.further);
      }
      return runs;
    });
  }

  /** Frees pages that nothing links to. They keep their memory for now. */
  give(runs: readonly Run[]): void {
    this.#locked(() => {
      const words = this.#words;
      for (const { page, count } of runs) {
        for (let i = 0; i < count; i++) {
          Atomics.store(words, this.#memory.descriptor(page + i) + PageWord.state, PageState.free);
          this.#count(-1, 1);
        }
      }
      words[MapWord.freedAt] = Math.floor(now() / 1000) | 0;
    });
  }

  giveOne(page: number): void {
    this.give([{ page, count: 1 }]);
  }

  /** Pages that are free, with or without memory. */
  get free(): number {
    return this.#memory.capacityPages - (this.#words[MapWord.usedPages] as number);
  }

  /** Bytes of pages that have memory, in use or not. */
  get backedBytes(): number {
    const words = this.#words;
    return ((words[MapWord.usedPages] as number) + (words[MapWord.backedPages] as number)) * pageBytes;
  }

  /** Takes the memory of free pages away, but for some, if no page was freed for a while. */
  trim(): void {
    const words = this.#words;
    const kept = Math.max(keptPages, this.#memory.capacityPages >> 3);
    if ((words[MapWord.backedPages] as number) <= kept) return;
    if ((Math.floor(now() / 1000) | 0) - (words[MapWord.freedAt] as number) <= graceSeconds) return;
    this.#locked(() => {
      let left = (words[MapWord.backedPages] as number) - kept;
      for (let region = this.#memory.regions; region >= 1 && left > 0; region--) {
        for (let i = regionPages - 1; i >= firstPageOfRegion && left > 0; i--) {
          const end = region * regionPages + i;
          let page = end;
          while (left > 0 && page >= region * regionPages + firstPageOfRegion && this.#isFree(page)) {
            // First the state: a page that is said to have memory always has it.
            Atomics.store(words, this.#memory.descriptor(page) + PageWord.state, PageState.hole);
            this.#count(0, -1);
            left--;
            page--;
          }
          const count = end - page;
          if (count === 0) continue;
          native.segmentDiscard(this.#memory.block.segment.id, (page + 1) * pageBytes, count * pageBytes);
          i -= count - 1;
        }
      }
    });
  }

  /** Counts anew what a dead owner of the lock may have left uncounted. */
  #mend(): void {
    const words = this.#words;
    let used = 0;
    let backed = 0;
    for (let region = this.#memory.regions; region >= 1; region--) {
      for (let i = firstPageOfRegion; i < regionPages; i++) {
        const page = region * regionPages + i;
        const state = this.#memory.stateOf(page);
        if (state === PageState.free) backed++;
        // A page of no shard that there is: damaged memory says so.
        else if (state < 0 || state >> 8 === 0 || state >> 8 > this.#memory.shards) this.#forget(page);
        else used++;
      }
    }
    words[MapWord.usedPages] = used;
    words[MapWord.backedPages] = backed;
    words[MapWord.rover] = 0;
  }

  #forget(page: number): void {
    Atomics.store(this.#words, this.#memory.descriptor(page) + PageWord.state, PageState.hole);
  }

  #locked<T>(act: () => T): T {
    const memory = this.#memory;
    const dirty = memory.lock(MapWord.pageLock);
    try {
      if (dirty) {
        this.#mend();
        memory.markMended(MapWord.pageLock);
      }
      return act();
    } finally {
      memory.unlock(MapWord.pageLock);
    }
  }

  /** For damaged memory: what the counts say is counted anew. */
  recount(): void {
    this.#locked(() => this.#mend());
  }

  #mayUse(count: number): boolean {
    return (this.#words[MapWord.usedPages] as number) + count <= this.#memory.capacityPages;
  }

  #isFree(page: number): boolean {
    return this.#memory.stateOf(page) === PageState.free;
  }

  #isAvailable(page: number): boolean {
    const state = this.#memory.stateOf(page);
    return state === PageState.free || state === PageState.hole;
  }

  /** Precondition: the page is free, and has memory. */
  #own(page: number, shard: number, pageClass: number): void {
    Atomics.store(this.#words, this.#memory.descriptor(page) + PageWord.state, ((shard + 1) << 8) | pageClass);
    this.#count(1, -1);
  }

  #count(used: number, backed: number): void {
    const words = this.#words;
    words[MapWord.usedPages] = (words[MapWord.usedPages] as number) + used;
    words[MapWord.backedPages] = (words[MapWord.backedPages] as number) + backed;
  }

  /** Returns the next page in this state, from the end of the last search on; 0 if no page is in it. */
  #next(state: number): number {
    const words = this.#words;
    if (state === PageState.free && (words[MapWord.backedPages] as number) <= 0) return 0;
    const { regions } = this.#memory;
    const total = regions * dataPagesOfRegion;
    const end = (regions + 1) * regionPages;
    let page = words[MapWord.rover] as number;
    if (!this.#memory.hasPage(page)) page = regionPages + firstPageOfRegion;
    for (let i = 0; i < total; i++) {
      if (this.#memory.stateOf(page) === state) {
        words[MapWord.rover] = page;
        return page;
      }
      page++;
      if ((page & 255) === 0) page += firstPageOfRegion;
      if (page >= end) page = regionPages + firstPageOfRegion;
    }
    return 0;
  }

  /** Gives memory to some pages; returns `false` if all have it, or the system has no memory. */
  #backMore(): boolean {
    const hole = this.#next(PageState.hole) || this.#openRegion();
    if (hole === 0) return false;
    let count = 1;
    const most = Math.min(batch, this.#memory.capacityPages - (this.#words[MapWord.usedPages] as number));
    while (count < most && ((hole + count) & 255) !== 0 && this.#memory.stateOf(hole + count) === PageState.hole) {
      count++;
    }
    return this.#back({ page: hole, count }) || (count > 1 && this.#back({ page: hole, count: 1 }));
  }

  /**
   * Gives memory to the pages, which are empty; returns `false` if the system has no memory.
   *
   * @param backed gets the numbers of the pages that had no memory before
   */
  #back({ page, count }: Run, backed?: number[]): boolean {
    let holes = 0;
    for (let i = 0; i < count; i++) if (this.#memory.stateOf(page + i) === PageState.hole) holes++;
    if (holes === 0) return true;
    if (!this.#reserve(page * pageBytes, count * pageBytes)) return false;
    for (let i = 0; i < count; i++) {
      if (this.#memory.stateOf(page + i) !== PageState.hole) continue;
      Atomics.store(this.#words, this.#memory.descriptor(page + i) + PageWord.state, PageState.free);
      this.#count(0, 1);
      backed?.push(page + i);
    }
    return true;
  }

  /** Takes the memory of pages away that this call of {@link takeRuns} has given them: no entry was ever in them. */
  #unback(pages: readonly number[]): void {
    for (const page of pages) {
      Atomics.store(this.#words, this.#memory.descriptor(page) + PageWord.state, PageState.hole);
      this.#count(0, -1);
      native.segmentDiscard(this.#memory.block.segment.id, page * pageBytes, pageBytes);
    }
  }

  /** One more region; its first page, 0 if there is no room for another. */
  #openRegion(): number {
    const region = this.#memory.regions + 1;
    if (region > this.#memory.maxRegions) return 0;
    if (!this.#reserve(region * regionBytes, firstPageOfRegion * pageBytes)) return 0;
    // New memory is zero, which says that pages have none; what damaged memory had forgotten is not.
    const descriptors = region * (regionBytes / 4);
    this.#words.fill(PageState.hole, descriptors, descriptors + pageBytes / 4);
    Atomics.store(this.#words, MapWord.regions, region);
    return region * regionPages + firstPageOfRegion;
  }

  #reserve(offset: number, length: number): boolean {
    try {
      native.segmentReserve(this.#memory.block.segment.id, offset, length);
      return true;
    } catch (error) {
      if (error instanceof SystemError && (error.code === 'ENOSPC' || error.code === 'ENOMEM')) {
        this.lacksMemory = true;
        return false;
      }
      throw error;
    }
  }

  /** Finds consecutive free pages. */
  #findRun(count: number): Run | undefined {
    for (;;) {
      const { regions } = this.#memory;
      for (let region = 1; region <= regions; region++) {
        let run = 0;
        for (let i = firstPageOfRegion; i < regionPages; i++) {
          run = this.#isAvailable(region * regionPages + i) ? run + 1 : 0;
          if (run === count) return { page: region * regionPages + i - count + 1, count };
        }
      }
      if (this.#openRegion() === 0) return undefined;
    }
  }

  /** Runs of free pages that have room for so many bytes together. */
  #gather(bytes: number): Run[] | undefined {
    const runs: Run[] = [];
    let left = bytes - entryBytes;
    for (let region = 1; left > 0; region++) {
      if (region > this.#memory.regions && this.#openRegion() === 0) return undefined;
      for (let i = firstPageOfRegion; i < regionPages && left > 0; i++) {
        const page = region * regionPages + i;
        let count = 0;
        let room = runs.length === 0 ? -entryBytes : -runBytes;
        while (room < left && i < regionPages && this.#isAvailable(page + count)) {
          count++;
          i++;
          room += pageBytes;
        }
        if (count === 0) continue;
        // The key lies in the first run as a whole: entries are larger than the header and a key.
        runs.push({ page, count });
        left -= room;
      }
    }
    return runs;
  }
}
