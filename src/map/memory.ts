/** The memory of one map as this thread sees it: views, bounds, and the robust locks in it. */
import { Buffer } from 'node:buffer';
import { now } from '../deadline.js';
import { MultiprocError, TimeoutError } from '../errors.js';
import { me } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import type { RawBuffer } from '../serialize/compact-format.js';
import type { Block } from '../shared/block.js';
import {
  dataPagesOfRegion,
  MapWord,
  mapVersion,
  PageWord,
  regionBytes,
  shardsAt,
  shardWords,
} from '../shared/map-layout.js';

/** Upper bound of a wait for a lock, which its holders need for microseconds unless they are stopped. */
const lockMs = 10_000;

/** Views of one segment. */
export interface MapViews {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

export class MapMemory {
  readonly block: Block;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: RawBuffer;
  /** Of hits, misses, evictions, and entries that expired. */
  readonly counters: BigInt64Array;
  readonly shards: number;
  /** A hash shifted right by 1 and then by this is its shard. */
  readonly shardShift: number;
  readonly capacityPages: number;
  readonly maxEntries: number;
  readonly evicts: boolean;
  /** Regions that the segment has room for. */
  readonly maxRegions: number;

  /**
   * @param views instead of those of the block's segment: for tests, which count stores
   * @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for memory that holds no map
   */
  constructor(block: Block, views?: (buffer: ArrayBuffer) => MapViews) {
    this.block = block;
    const { segment } = block;
    const size = Math.min(segment.size, 2 ** 31 - regionBytes) & ~(regionBytes - 1);
    if (size < 2 * regionBytes) throw this.damaged('it is too small');
    const buffer = segment.buffer(0, size);
    const { words, doubles } = views?.(buffer) ?? { words: new Int32Array(buffer), doubles: new Float64Array(buffer) };
    this.words = words;
    this.doubles = doubles;
    this.bytes = Buffer.from(buffer) as RawBuffer;
    this.counters = new BigInt64Array(buffer, MapWord.counters * 4, 4);
    this.maxRegions = size / regionBytes - 1;
    const shardBits = words[MapWord.shardBits] as number;
    const pages = words[MapWord.capacityPages] as number;
    if (words[MapWord.version] !== mapVersion) throw this.damaged('another version of multiproc made it');
    if (!(shardBits >= 0 && shardBits <= 8) || !(pages > 0 && pages <= this.maxRegions * dataPagesOfRegion)) {
      throw this.damaged('it has impossible sizes');
    }
    this.shards = 2 ** shardBits;
    this.shardShift = 31 - shardBits;
    this.capacityPages = pages;
    this.maxEntries = Math.max(words[MapWord.maxEntries] as number, 0);
    this.evicts = words[MapWord.eviction] === 0;
  }

  /** Returns the index of the first word of a shard. */
  shardAt(shard: number): number {
    return shardsAt + shard * shardWords;
  }

  /** Returns the index of a page's descriptor. Precondition: {@link hasPage}. */
  descriptor(page: number): number {
    return ((page & ~255) << 10) + ((page & 255) << 2);
  }

  /** Whether entries may lie in a page of this number, and its descriptor has memory. */
  hasPage(page: number): boolean {
    return page > 255 && page >> 8 <= this.regions && (page & 255) >= 5;
  }

  /** Regions whose descriptors have memory; bounded by the segment, as the word may be damaged. */
  get regions(): number {
    return Math.min(Math.max(this.words[MapWord.regions] as number, 0), this.maxRegions);
  }

  /** The state of a page. Precondition: {@link hasPage}. */
  stateOf(page: number): number {
    return this.words[this.descriptor(page) + PageWord.state] as number;
  }

  /**
   * Takes a lock.
   *
   * @returns whether its last owner died, so that what it protects has to be mended
   * @throws TimeoutError if a process that does not run holds it
   */
  lock(at: number): boolean {
    return Atomics.compareExchange(this.words, at, 0, me) !== 0 && this.#lockSlowly(at);
  }

  unlock(at: number): void {
    if (Atomics.compareExchange(this.words, at, me, 0) !== me) native.lockRelease(this.block.segment.id, at * 4);
  }

  /** As {@link lock}; `undefined` if it is not free at once. */
  tryLock(at: number): boolean | undefined {
    if (Atomics.compareExchange(this.words, at, 0, me) === 0) return false;
    if (!native.lockTry(this.block.segment.id, at * 4)) return undefined;
    return (Atomics.load(this.words, at) & layout.dirty) !== 0;
  }

  markMended(at: number): void {
    native.lockMarkConsistent(this.block.segment.id, at * 4);
  }

  damaged(why: string): MultiprocError {
    return new MultiprocError(
      `/dev/shm/${this.block.segment.fileName} cannot be used: the map in it is damaged: ${why}. ` +
        'clear() makes it empty and whole; or unlink() it, and make it anew',
      { code: 'ERR_MULTIPROC_SEGMENT' },
    );
  }

  #lockSlowly(at: number): boolean {
    const { words, block } = this;
    const owner = Atomics.load(words, at) & layout.ownerMask;
    // No call of ours ends with the lock held: damaged memory says so.
    if (owner === me) Atomics.store(words, at, me | layout.dirty);
    else if (!native.lockAcquire(block.segment.id, at * 4, now() + lockMs)) throw this.#held(owner);
    return (Atomics.load(words, at) & layout.dirty) !== 0;
  }

  #held(owner: number): TimeoutError {
    const pid = owner === 0 ? null : native.participant(owner).pid;
    return new TimeoutError(
      `Expected a write to a SharedMap to end within ${lockMs} ms, but process ${pid ?? '(unknown)'} is stopped in its midst: ` +
        'continue or end that process',
    );
  }
}
