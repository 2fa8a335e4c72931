/**
 * The entries of a map: hash tables in shards, read without a lock and written under one.
 *
 * The links alone decide: an entry is written as a whole into free memory, and one store of the link before it
 * publishes it, in the place of an older one or as a new one; one store unlinks it. All else is derived (free blocks,
 * counts, the order of eviction), and the next owner of a dead owner's lock derives it again from the links
 * (`mend.ts`). So a process that is killed at any store leaves each entry old or new, and no memory is lost.
 *
 * Three values change in place, each by one aligned store: a number (`add`), the time of expiry, and the version.
 *
 * A reader takes the shard's sequence, walks, copies, and compares the sequence: it is raised after an entry was
 * unlinked and before its memory is used again. Until then a reader may read any bytes; every index is checked before
 * it is used.
 */
import { Buffer } from 'node:buffer';
import { now } from '../deadline.js';
import { Full, type SystemError } from '../errors.js';
import type { RawBuffer } from '../serialize/compact-format.js';
import { receivedBuffer } from '../serialize/received.js';
import { Tag } from '../serialize/tags.js';
import { bufferIndex } from '../serialize/views.js';
import type { Block } from '../shared/block.js';
import {
  dataPagesOfRegion,
  EntryWord,
  entryBytes,
  MapWord,
  Meta,
  maxBlockUnits,
  ownTable,
  ownTableBits,
  pageBytes,
  ShardWord,
  unitsOfClass,
} from '../shared/map-layout.js';
import { shmSpace } from '../shared/shm-folder.js';
import { noMemoryFor } from '../shared/shortage.js';
import { performanceNow } from '../timing.js';
import { Blocks, classOfUnits } from './blocks.js';
import { PackedKey } from './keys.js';
import { MapMemory, type MapViews } from './memory.js';
import { mend } from './mend.js';
import { Pages } from './pages.js';
import { packedValue, readValue } from './values.js';

/** Times that a reader tries before it takes the lock. */
const maxAttempts = 16;
/** Links that a reader follows; only damaged memory, or an entry that is being replaced, has more. */
const maxSteps = 4096;
/** Compact values up to this size are copied to memory that is always the same. */
const smallValue = 1024;
/** Evictions of single entries for a block, before a page is emptied. */
const maxVictims = 16;
/** Buckets that a write looks at for entries that have expired. */
const sweptBuckets = 2;
/** Counts are added to the shared ones now and then. */
const flushAfter = 4096;
const trimAfter = 1024;

/** Places of an entry in its chain that are no address. */
const none = 0;
const torn = -1;

/** Nothing is there. */
export const absent: unique symbol = Symbol('absent');
const later: unique symbol = Symbol('later');

/** CLOCK_MONOTONIC less the clock that is quicker to read. */
const clockOffset = now() - performanceNow();

/** As `now()`. */
export function clock(): number {
  return performanceNow() + clockOffset;
}

/** On other processors a load may be done before an earlier one: between a store and the load it is not. */
const fence = process.arch === 'x64' ? undefined : new Int32Array(new SharedArrayBuffer(4));

const smallMemory = new ArrayBuffer(smallValue + 16);
const smallWords = new Int32Array(smallMemory);
const smallBytes = Buffer.from(smallMemory) as RawBuffer;

export class MapCore {
  readonly memory: MapMemory;
  readonly pages: Pages;
  readonly blocks: Blocks;
  readonly key: PackedKey;
  /** Milliseconds; 0: entries do not expire by themselves. */
  readonly ttl: number;
  /** Of this process. */
  hits = 0;
  misses = 0;
  evictions = 0;
  expired = 0;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: RawBuffer;
  readonly #shardShift: number;
  readonly #evicts: boolean;
  readonly #maxOfShard: number;
  /** Words that can be a block's first. */
  readonly #firstWord: number;
  readonly #lastWord: number;
  /** The last entry that was read: its bytes, version and time of expiry. */
  #copied: RawBuffer = smallBytes;
  #copiedMeta = 0;
  #copiedLength = 0;
  #version = 0;
  #expires = 0;
  /** The word of the link to the last entry that was found with the lock held. */
  #link = 0;
  #flushed: [number, number, number, number] = [0, 0, 0, 0];
  #writes = 0;
  #steal = 0;

  constructor(block: Block, views?: (buffer: ArrayBuffer) => MapViews) {
    this.memory = new MapMemory(block, views);
    const { words, doubles, bytes, shardShift, evicts, maxEntries, shards } = this.memory;
    this.#words = words;
    this.#doubles = doubles;
    this.#bytes = bytes;
    this.#shardShift = shardShift;
    this.#evicts = evicts;
    this.#maxOfShard = maxEntries === 0 ? Infinity : Math.max(Math.floor(maxEntries / shards), 1);
    this.#firstWord = 256 << 10;
    this.#lastWord = words.length - EntryWord.key;
    this.pages = new Pages(this.memory);
    this.blocks = new Blocks(this.memory, this.pages);
    this.key = new PackedKey(words[MapWord.seed] as number, words[MapWord.seed + 1] as number);
    this.ttl = doubles[MapWord.ttl / 2] as number;
  }

  /** The value of a key, or {@link absent}. `recent`: it counts as used. */
  get(key: unknown, recent = true): unknown {
    this.key.pack(key);
    const at = this.#shard();
    const value = this.#readFree(at, recent);
    if (value !== later) return value;
    return readValue(this.#copiedMeta, this.#copied, this.#copiedLength);
  }

  /** The version of what {@link get} has read. */
  get version(): number {
    return this.#version;
  }

  /** Expiry of the last entry that {@link get} read. */
  get expires(): number {
    return this.#expires;
  }

  has(key: unknown): boolean {
    this.key.pack(key);
    const at = this.#shard();
    const words = this.#words;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const sequence = Atomics.load(words, at + ShardWord.sequence);
      const entry = this.#search(at);
      if (entry === torn) continue;
      const expires = entry === none ? 0 : (this.#doubles[(entry + EntryWord.expires) >> 1] as number);
      if (!this.#isStill(at, sequence)) continue;
      return entry !== none && !(expires !== 0 && clock() >= expires);
    }
    return this.#locked(at, () => this.#findLive(at) !== none);
  }

  /**
   * Stores a value.
   *
   * @param ttl milliseconds; 0: as long as there is room
   * @param wanted only if the entry has this version, 0: only if it is absent; absent: in any case
   * @param until time of expiry, instead of `ttl`
   * @returns whether it was stored
   * @throws Full if there is no memory for it
   */
  set(key: unknown, value: unknown, ttl: number, wanted?: number, until?: number): boolean {
    packedValue.pack(value);
    this.key.pack(key);
    const at = this.#shard();
    const expires = until ?? (ttl === 0 ? 0 : clock() + ttl);
    const { memory } = this;
    if (memory.lock(at)) this.#mend(at);
    let outcome: number;
    try {
      if (wanted !== undefined && this.#versionNow(at) !== wanted) return false;
      outcome = this.#put(at, expires);
    } catch (error) {
      this.#mendAfter(at);
      throw error;
    } finally {
      memory.unlock(at);
    }
    if (outcome !== 0) throw this.#full(outcome);
    return true;
  }

  /** Stores a value unless the key has one; the value that the key has then. */
  insert(key: unknown, value: unknown, ttl: number): unknown {
    for (;;) {
      const found = this.get(key);
      if (found !== absent) return found;
      if (this.set(key, value, ttl, 0)) return value;
    }
  }

  /**
   * Stores what was made of the value of this version.
   *
   * @param ttl absent: an entry that was there expires when it would have; `expires` says when that is
   */
  update(key: unknown, value: unknown, version: number, ttl: number | undefined, expires: number | undefined): boolean {
    if (ttl !== undefined || expires === undefined) return this.set(key, value, ttl ?? this.ttl, version);
    return this.set(key, value, 0, version, expires);
  }

  /** Calls back with the key's hash, and whether the key has a value, while its shard does not change. */
  whileLocked<T>(key: unknown, act: (hash: number, isThere: boolean) => T): T {
    this.key.pack(key);
    const at = this.#shard();
    return this.#locked(at, () => act(this.key.hash, this.#findLive(at) !== none));
  }

  /** Deletes the entry if it has this version. */
  deleteVersion(key: unknown, version: number): boolean {
    return this.delete(key, version);
  }

  delete(key: unknown, version?: number): boolean {
    this.key.pack(key);
    const at = this.#shard();
    return this.#locked(at, () => {
      const entry = this.#findLive(at);
      if (entry === none || (version !== undefined && this.#words[entry + EntryWord.version] !== version)) return false;
      this.#remove(at, entry);
      return true;
    });
  }

  /**
   * Adds to a number, or to 0 for an absent entry; returns the sum.
   *
   * @throws TypeError if the value is no number
   */
  add(key: unknown, change: number, ttl: number): number {
    this.key.pack(key);
    const at = this.#shard();
    const words = this.#words;
    let full = 0;
    const sum = this.#locked(at, () => {
      const entry = this.#findLive(at);
      if (entry === none) {
        packedValue.pack(change);
        full = this.#put(at, ttl === 0 ? 0 : clock() + ttl);
        return change;
      }
      const meta = words[entry + EntryWord.meta] as number;
      if ((meta & 0xff) !== Tag.double) return undefined;
      const place = this.#valueWord(entry, meta) >> 1;
      const next = (this.#doubles[place] as number) + change;
      // The value first: a reader takes the version first.
      this.#doubles[place] = next;
      Atomics.store(words, entry + EntryWord.version, this.#nextVersion(at));
      this.#mark(entry);
      return next;
    });
    if (full !== 0) throw this.#full(full);
    if (sum === undefined)
      throw new TypeError('Expected the value of the key to be a number: only numbers are added to');
    return sum;
  }

  /** Stores `value` if the content of the key's value is that of `expected`; {@link absent} for no value. */
  compareAndSet(key: unknown, expected: unknown, value: unknown, ttl: number): boolean {
    let meta = -1;
    let content: Buffer | undefined;
    if (expected !== absent) {
      packedValue.pack(expected);
      ({ meta } = packedValue);
      content = packedValue.copy();
    }
    if (value !== absent) packedValue.pack(value);
    this.key.pack(key);
    const at = this.#shard();
    let full = 0;
    const done = this.#locked(at, () => {
      const entry = this.#findLive(at);
      if ((entry === none) !== (content === undefined)) return false;
      if (entry !== none && !this.#hasContent(entry, meta, content as Buffer)) return false;
      if (value !== absent) full = this.#put(at, ttl === 0 ? 0 : clock() + ttl);
      else if (entry !== none) this.#remove(at, entry);
      return true;
    });
    if (full !== 0) throw this.#full(full);
    return done;
  }

  /** Sets the time of expiry; returns `false` for an absent entry. */
  touch(key: unknown, ttl: number): boolean {
    this.key.pack(key);
    const at = this.#shard();
    return this.#locked(at, () => {
      const entry = this.#findLive(at);
      if (entry === none) return false;
      const place = (entry + EntryWord.expires) >> 1;
      const before = this.#doubles[place] as number;
      this.#doubles[place] = ttl === 0 ? 0 : clock() + ttl;
      this.#change(at + ShardWord.expiring, (ttl === 0 ? 0 : 1) - (before === 0 ? 0 : 1));
      this.#mark(entry);
      return true;
    });
  }

  /**
   * One step of a rate limit: the time of expiry is when the key's debt is paid, and moves by `cost` unless that is further away
   * than `most`.
   *
   * @returns milliseconds of debt then; negative, −1 − the milliseconds until it is allowed, if it is not
   */
  spend(key: unknown, cost: number, most: number): number {
    this.key.pack(key);
    const at = this.#shard();
    const { memory } = this;
    if (memory.lock(at)) this.#mend(at);
    let full = 0;
    try {
      const time = clock();
      const entry = this.#find(at);
      const place = (entry + EntryWord.expires) >> 1;
      const before = entry === none ? time : Math.max(this.#doubles[place] as number, time);
      const next = before + cost;
      const debt = next - time;
      if (!(debt <= most + 1e-6)) return -1 - (debt - most);
      if (entry !== none) {
        this.#doubles[place] = next;
        this.#mark(entry);
        if (this.#words[at + ShardWord.expiring] as number) this.#sweep(at, time, entry);
        return debt;
      }
      packedValue.pack(undefined);
      full = this.#put(at, next);
      if (full === 0) return debt;
    } catch (error) {
      this.#mendAfter(at);
      throw error;
    } finally {
      memory.unlock(at);
    }
    throw this.#full(full);
  }

  /** Removes all entries; of damaged memory, too. */
  clear(): void {
    const words = this.#words;
    const { memory } = this;
    for (let shard = 0; shard < memory.shards; shard++) {
      const at = memory.shardAt(shard);
      if (memory.lock(at)) memory.markMended(at);
      try {
        const own = at + ownTable;
        for (let i = 0; i < 1 << ownTableBits; i++) Atomics.store(words, own + i, 0);
        // If another table was in use, this store removes the entries.
        Atomics.store(words, at + ShardWord.table, ownTableBits);
        this.#raise(at);
        mend(this, shard);
      } finally {
        memory.unlock(at);
      }
    }
    this.pages.recount();
  }

  /** Returns the usage of the map. */
  usage(): { entries: number; bytes: number; capacity: number; used: number } {
    const words = this.#words;
    const { memory } = this;
    let bytes = 0;
    for (let i = 0; i < memory.shards; i++) bytes += (words[memory.shardAt(i) + ShardWord.units] as number) * 16;
    return {
      entries: this.size,
      bytes,
      capacity: this.#doubles[MapWord.capacity / 2] as number,
      used: (words[MapWord.usedPages] as number) * pageBytes,
    };
  }

  /** Entries, also those that have expired and were not met since. */
  get size(): number {
    let sum = 0;
    for (let i = 0; i < this.memory.shards; i++) {
      sum += Math.max(Atomics.load(this.#words, this.memory.shardAt(i) + ShardWord.entries), 0);
    }
    return sum;
  }

  /**
   * The entries of one bucket, as they were at one moment, and where the next bucket is: an entry that is there all the time
   * comes once, also while the table grows.
   *
   * @param visit is called for the words of each entry; it must copy, and do nothing else
   * @returns the next cursor; 0 when all buckets of the shard were visited
   */
  scan(shard: number, cursor: number, visit: (entry: number) => void, begin: () => void): number {
    const at = this.memory.shardAt(shard);
    const words = this.#words;
    for (let attempt = 0; ; attempt++) {
      const isLocked = attempt === maxAttempts;
      if (isLocked && this.memory.lock(at)) this.#mend(at);
      try {
        begin();
        const sequence = Atomics.load(words, at + ShardWord.sequence);
        const table = words[at + ShardWord.table] as number;
        const mask = (1 << (table & 31)) - 1;
        if (this.#scanBucket(at, table, cursor & mask, visit) && this.#isStill(at, sequence)) {
          return advance(cursor, mask);
        }
        if (isLocked) throw this.memory.damaged('a chain of entries leads elsewhere');
      } finally {
        if (isLocked) this.memory.unlock(at);
      }
    }
  }

  /** Returns a copy of the key and value of an entry; `undefined` for another address, and for an expired entry. */
  copyEntry(entry: number): EntryCopy | undefined {
    const meta = this.#words[entry + EntryWord.meta] as number;
    const keyLength = (meta >>> Meta.keyLengthShift) & 0x7ff;
    const start = (entry << 2) + entryBytes;
    const expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
    if (expires !== 0 && clock() >= expires) return undefined;
    if (start + keyLength > this.#bytes.length) return undefined;
    const value = this.#read(entry, meta, true);
    if (value === torn) return undefined;
    const key = Buffer.from(this.#bytes.subarray(start, start + keyLength));
    const keyType = (meta >>> Meta.keyTypeShift) & 7;
    return {
      keyType,
      key,
      value: value === later ? Buffer.from(this.#copied.subarray(0, this.#copiedLength)) : value,
      meta: value === later ? this.#copiedMeta : -1,
    };
  }

  /** Adds this process's counts to the shared ones. */
  flush(): void {
    const counts = [this.hits, this.misses, this.evictions, this.expired] as const;
    for (const [i, count] of counts.entries()) {
      const more = count - (this.#flushed[i] as number);
      if (more !== 0) Atomics.add(this.memory.counters, i, BigInt(more));
      this.#flushed[i] = count;
    }
  }

  /** The bucket of a hash in a table, as a word; 0 if the table cannot be one. */
  bucketWord(at: number, table: number, hash: number): number {
    const bits = table & 31;
    const bucket = hash & ((1 << bits) - 1);
    const page = table >>> 6;
    if (page === 0) return bits === ownTableBits ? at + ownTable + bucket : 0;
    const pages = (1 << bits) >> 10;
    if (bits < 10 || pages > dataPagesOfRegion || (page & 255) + pages > 256 || !this.memory.hasPage(page)) return 0;
    return (page << 10) + bucket;
  }

  /** Whether a block can begin at the word. */
  canBegin(word: number): boolean {
    return word >= this.#firstWord && word <= this.#lastWord;
  }

  #shard(): number {
    return this.memory.shardAt((this.key.hash >>> 1) >>> this.#shardShift);
  }

  #shardOf(at: number): number {
    return (at - this.memory.shardAt(0)) >> 7;
  }

  /** The entry of the packed key, without a lock: its first word; {@link none}; {@link torn} if it has to be tried again. */
  #search(at: number): number {
    const words = this.#words;
    const { key } = this;
    const table = words[at + ShardWord.table] as number;
    const { hash } = key;
    const bucket = this.bucketWord(at, table, hash);
    if (bucket === 0) return torn;
    const next = EntryWord.next + ((table >>> 5) & 1);
    const wanted = (key.type << Meta.keyTypeShift) | (key.length << Meta.keyLengthShift);
    let entry = (words[bucket] as number) << 2;
    for (let steps = 0; entry !== 0; steps++) {
      if (entry < this.#firstWord || entry > this.#lastWord || steps > maxSteps) return torn;
      if (
        words[entry] === hash &&
        ((words[entry + EntryWord.meta] as number) & Meta.keyMask) === wanted &&
        this.#hasKey(entry)
      ) {
        return entry;
      }
      entry = (words[entry + next] as number) << 2;
    }
    return none;
  }

  #hasKey(entry: number): boolean {
    const words = this.#words;
    const wanted = this.key.words;
    const count = (this.key.length + 3) >> 2;
    const start = entry + EntryWord.key;
    for (let i = 0; i < count; i++) if (words[start + i] !== wanted[i]) return false;
    return true;
  }

  #isStill(at: number, sequence: number): boolean {
    if (fence !== undefined) Atomics.store(fence, 0, 0);
    return Atomics.load(this.#words, at + ShardWord.sequence) === sequence;
  }

  #readFree(at: number, recent: boolean): unknown {
    const words = this.#words;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const sequence = Atomics.load(words, at + ShardWord.sequence);
      const entry = this.#search(at);
      if (entry === torn) continue;
      if (entry === none) {
        if (!this.#isStill(at, sequence)) continue;
        return this.#missed(recent);
      }
      const meta = words[entry + EntryWord.meta] as number;
      const expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
      this.#version = Atomics.load(words, entry + EntryWord.version);
      const value = this.#read(entry, meta, false);
      if (value === torn || !this.#isStill(at, sequence)) continue;
      this.#expires = expires;
      if (expires !== 0 && clock() >= expires) {
        this.#removeExpired(at);
        return this.#missed(recent);
      }
      if (recent) {
        if (this.#evicts) this.#mark(entry);
        if ((++this.hits & (flushAfter - 1)) === 0) this.flush();
      }
      return value;
    }
    return this.#locked(at, () => {
      const entry = this.#findLive(at);
      if (entry === none) return this.#missed(recent);
      this.#version = words[entry + EntryWord.version] as number;
      this.#expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
      const value = this.#read(entry, words[entry + EntryWord.meta] as number, false);
      if (value === torn) throw this.memory.damaged('a value lies outside of its memory');
      if (recent) {
        this.hits++;
        this.#mark(entry);
      }
      return value;
    });
  }

  #missed(counts: boolean): typeof absent {
    this.#version = 0;
    if (counts && (++this.misses & (flushAfter - 1)) === 0) this.flush();
    return absent;
  }

  /** Notes that the block was used. Not in the block: a reader may be late, and the memory something else's. */
  #mark(entry: number): void {
    const place = this.#markOf(entry);
    if (this.#bytes[place] !== 1) this.#bytes[place] = 1;
  }

  #markOf(entry: number): number {
    return (entry & ~0x3_ffff) * 4 + pageBytes + ((entry & 0x3_ffff) >> 4);
  }

  /** Returns the address of the value of an entry. */
  #valueWord(entry: number, meta: number): number {
    return entry + EntryWord.key + (((((meta >>> Meta.keyLengthShift) & 0x7ff) + 7) >> 3) << 1);
  }

  /** The value; {@link later} if it is copied and to be decoded; {@link torn} if it cannot be one. */
  #read(entry: number, meta: number, copies: boolean): unknown {
    const length = this.#words[entry + EntryWord.valueLength] as number;
    const start = this.#valueWord(entry, meta) << 2;
    if ((meta & Meta.large) !== 0) return this.#readLarge(entry, meta, start, length);
    const end = start + length;
    if (length < 0 || end > (entry << 2) - ((entry << 2) & (pageBytes - 1)) + pageBytes) return torn;
    const bytes = this.#bytes;
    if (!copies) {
      switch (meta & 0xff) {
        case Tag.ascii:
          return bytes.latin1Slice(start, end);
        case Tag.double:
          return this.#doubles[start >> 3];
        case Tag.utf8:
          return bytes.utf8Slice(start, end);
        case Tag.utf16:
          return bytes.ucs2Slice(start, end);
        case Tag.undefined:
          return undefined;
        case Tag.true:
          return true;
        case Tag.false:
          return false;
        case Tag.null:
          return null;
        case Tag.view:
          if (((meta >>> Meta.viewShift) & 0x1f) !== bufferIndex) break;
          return copyOf(bytes, start, end);
        default:
          break;
      }
    }
    this.#copiedMeta = meta;
    this.#copiedLength = length;
    if (length <= smallValue) {
      const words = this.#words;
      const first = start >> 2;
      for (let i = (length + 3) >> 2; i > 0; i--) smallWords[i - 1] = words[first + i - 1] as number;
      this.#copied = smallBytes;
    } else {
      this.#copied = copyOf(bytes, start, end);
    }
    return later;
  }

  #readLarge(entry: number, meta: number, start: number, length: number): unknown {
    const words = this.#words;
    const bytes = this.#bytes;
    if (length < 0 || length > this.memory.capacityPages * pageBytes) return torn;
    let end = (entry << 2) + (words[entry + EntryWord.runPages] as number) * pageBytes;
    let next = words[entry + EntryWord.nextRun] as number;
    const copy = receivedBuffer(length) as RawBuffer;
    let place = start;
    for (let at = 0; ; ) {
      if (end > bytes.length || end <= place) return torn;
      const part = Math.min(end - place, length - at);
      bytes.copy(copy, at, place, place + part);
      at += part;
      if (at === length) break;
      if (!this.memory.hasPage(next)) return torn;
      const word = next << 10;
      place = (word << 2) + 16;
      end = (word << 2) + (words[word] as number) * pageBytes;
      next = words[word + 1] as number;
    }
    if ((meta & 0xff) === Tag.view && ((meta >>> Meta.viewShift) & 0x1f) === bufferIndex) return copy;
    this.#copiedMeta = meta;
    this.#copiedLength = length;
    this.#copied = copy;
    return later;
  }

  /** Runs `act` under the shard's lock. After an unexpected error the shard is mended. */
  #locked<T>(at: number, act: () => T): T {
    const { memory } = this;
    if (memory.lock(at)) this.#mend(at);
    try {
      return act();
    } catch (error) {
      this.#mendAfter(at);
      throw error;
    } finally {
      memory.unlock(at);
    }
  }

  /** Puts in order what a dead owner left. If that fails, the lock is freed as it was found. */
  #mend(at: number): void {
    try {
      mend(this, this.#shardOf(at));
      this.memory.markMended(at);
    } catch (error) {
      this.memory.unlock(at);
      throw error;
    }
  }

  #mendAfter(at: number): void {
    try {
      mend(this, this.#shardOf(at));
    } catch {
      // The links are damaged, too: the caller gets the first error.
    }
  }

  /** The entry of the packed key, with the lock held. */
  #find(at: number): number {
    const words = this.#words;
    const { key, memory } = this;
    const table = words[at + ShardWord.table] as number;
    const { hash } = key;
    let link = this.bucketWord(at, table, hash);
    if (link === 0) throw memory.damaged('a table lies outside of its memory');
    const next = EntryWord.next + ((table >>> 5) & 1);
    const wanted = (key.type << Meta.keyTypeShift) | (key.length << Meta.keyLengthShift);
    const limit = memory.capacityPages << 6;
    for (let steps = 0; ; steps++) {
      const block = words[link] as number;
      if (block === 0) return none;
      const entry = block << 2;
      if (entry < this.#firstWord || entry > this.#lastWord || steps > limit || block >>> 27 !== 0) {
        throw memory.damaged('a chain of entries leads elsewhere');
      }
      if (
        words[entry] === hash &&
        ((words[entry + EntryWord.meta] as number) & Meta.keyMask) === wanted &&
        this.#hasKey(entry)
      ) {
        this.#link = link;
        return entry;
      }
      link = entry + next;
    }
  }

  /** The same; one that has expired is removed. */
  #findLive(at: number): number {
    const entry = this.#find(at);
    if (entry === none) return none;
    const expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
    if (expires === 0 || clock() < expires) return entry;
    this.#remove(at, entry);
    this.expired++;
    return none;
  }

  #versionNow(at: number): number {
    const entry = this.#findLive(at);
    return entry === none ? 0 : (this.#words[entry + EntryWord.version] as number);
  }

  /** Never 0. */
  #nextVersion(at: number): number {
    const words = this.#words;
    const version = ((words[at + ShardWord.version] as number) + 1) | 0 || 1;
    words[at + ShardWord.version] = version;
    return version;
  }

  /** Writes the packed entry, and links it. 0, or how many bytes there is no memory for. */
  #put(at: number, expires: number): number {
    const words = this.#words;
    const { key } = this;
    const value = packedValue;
    const keyBytes = (key.length + 7) & ~7;
    const size = entryBytes + keyBytes + value.length;
    const shard = this.#shardOf(at);
    if ((words[at + ShardWord.expiring] as number) > 0) this.#sweep(at, clock(), none);
    if ((words[at + ShardWord.entries] as number) >= this.#maxOfShard && this.#find(at) === none) {
      if (!this.#evicts && !this.#sweepAll(at)) return size;
      if (this.#evicts) this.#evictOne(at);
    }
    const units = (size + 15) >> 4;
    const large = units > maxBlockUnits;
    this.pages.lacksMemory = false;
    const block = large ? this.#takeLarge(at, shard, size) : this.#take(at, shard, classOfUnits[units] as number);
    if (block === 0) return size;
    const entry = block << 2;
    words[entry] = key.hash;
    words[entry + EntryWord.meta] =
      value.meta |
      (key.type << Meta.keyTypeShift) |
      (key.length << Meta.keyLengthShift) |
      (large ? Meta.large | Meta.live : Meta.live);
    words[entry + EntryWord.valueLength] = value.length;
    words[entry + EntryWord.version] = this.#nextVersion(at);
    this.#doubles[(entry + EntryWord.expires) >> 1] = expires;
    for (let i = ((key.length + 3) >> 2) - 1; i >= 0; i--) words[entry + EntryWord.key + i] = key.words[i] as number;
    this.#write(entry, entry + EntryWord.key + (keyBytes >> 2), large);
    this.#publish(at, entry, expires, this.#unitsOf(entry, large));
    return 0;
  }

  /** Units that an entry takes. */
  #unitsOf(entry: number, large: boolean): number {
    if (large) {
      let units = 0;
      for (const { count } of this.blocks.runsOf(this.#shardOfEntry(entry), entry >>> 2)) units += count * 256;
      return units;
    }
    return unitsOfClass[this.memory.stateOf(entry >>> 10) & 0xff] ?? 0;
  }

  #shardOfEntry(entry: number): number {
    return (this.memory.stateOf(entry >>> 10) >> 8) - 1;
  }

  #write(entry: number, at: number, large: boolean): void {
    const value = packedValue;
    const { length } = value;
    if ((value.meta & 0xff) === Tag.double) {
      this.#doubles[at >> 1] = value.number;
      return;
    }
    if (large) {
      this.#writeLarge(entry, at << 2);
      return;
    }
    const words = this.#words;
    const source = value.words;
    if (source !== undefined && length <= 256) {
      for (let i = ((length + 3) >> 2) - 1; i >= 0; i--) words[at + i] = source[i] as number;
    } else if (length > 0) {
      const { bytes } = value;
      this.#bytes.set(bytes.length === length ? bytes : bytes.subarray(0, length), at << 2);
    }
  }

  #writeLarge(entry: number, start: number): void {
    const words = this.#words;
    const { length, bytes } = packedValue;
    let place = start;
    let end = (entry << 2) + (words[entry + EntryWord.runPages] as number) * pageBytes;
    let next = words[entry + EntryWord.nextRun] as number;
    for (let at = 0; ; ) {
      const part = Math.min(end - place, length - at);
      this.#bytes.set(bytes.subarray(at, at + part), place);
      at += part;
      if (at === length) return;
      const word = next << 10;
      place = (word << 2) + 16;
      end = (word << 2) + (words[word] as number) * pageBytes;
      next = words[word + 1] as number;
    }
  }

  /** Links a written entry in the place of that with the same key, or before all of its bucket. */
  #publish(at: number, entry: number, expires: number, units: number): void {
    const words = this.#words;
    const old = this.#find(at);
    const table = words[at + ShardWord.table] as number;
    const next = EntryWord.next + ((table >>> 5) & 1);
    if (old !== none) {
      const link = this.#link;
      words[entry + next] = words[old + next] as number;
      Atomics.store(words, link, entry >> 2);
      this.#raise(at);
      this.#takePlace(at, old, entry);
      this.#mark(entry);
      const before = this.#doubles[(old + EntryWord.expires) >> 1] as number;
      this.#change(at + ShardWord.expiring, (expires === 0 ? 0 : 1) - (before === 0 ? 0 : 1));
      this.#change(at + ShardWord.units, units - this.#give(at, old));
      return;
    }
    const bucket = this.bucketWord(at, table, this.key.hash);
    words[entry + next] = words[bucket] as number;
    this.#bytes[this.#markOf(entry)] = 0;
    Atomics.store(words, bucket, entry >> 2);
    this.#enqueue(at, entry);
    this.#change(at + ShardWord.units, units);
    if (expires !== 0) this.#change(at + ShardWord.expiring, 1);
    const count = (words[at + ShardWord.entries] as number) + 1;
    words[at + ShardWord.entries] = count;
    const buckets = 1 << (table & 31);
    if (count > buckets + (buckets >> 1) && (count & 63) === 0) this.#grow(at, table);
    if ((++this.#writes & (trimAfter - 1)) === 0) this.pages.trim();
  }

  /** Unlinks an entry that {@link #find} has just found, and frees it. */
  #remove(at: number, entry: number): void {
    const words = this.#words;
    const table = words[at + ShardWord.table] as number;
    Atomics.store(words, this.#link, words[entry + EntryWord.next + ((table >>> 5) & 1)] as number);
    this.#raise(at);
    this.#dequeue(at, entry);
    if (this.#doubles[(entry + EntryWord.expires) >> 1] !== 0) this.#change(at + ShardWord.expiring, -1);
    this.#change(at + ShardWord.units, -this.#give(at, entry));
    this.#change(at + ShardWord.entries, -1);
    if ((++this.#writes & (trimAfter - 1)) === 0) this.pages.trim();
  }

  /** Frees an entry that no link leads to; its units. */
  #give(at: number, entry: number): number {
    const shard = this.#shardOf(at);
    const large = ((this.#words[entry + EntryWord.meta] as number) & Meta.large) !== 0;
    const units = this.#unitsOf(entry, large);
    if (large) this.blocks.giveLarge(shard, entry >> 2);
    else this.blocks.give(shard, entry >> 2);
    return units;
  }

  #change(word: number, change: number): void {
    if (change !== 0) this.#words[word] = (this.#words[word] as number) + change;
  }

  /** Notifies readers. Later stores are visible after this one. */
  #raise(at: number): void {
    const words = this.#words;
    const sequence = at + ShardWord.sequence;
    Atomics.store(words, sequence, ((words[sequence] as number) + 1) | 0);
    Atomics.load(words, sequence);
  }

  // The order of eviction is that of FIFO with reinsertion (CLOCK): entries in the order in which they came; the oldest one goes, or,
  // if it was used meanwhile, loses its mark and becomes the newest. SIEVE, which leaves it where it is, has a hit rate that is a
  // little higher, but keeps what was used once for as long as only new keys come: not what 'lru' promises.

  #enqueue(at: number, entry: number): void {
    const words = this.#words;
    const newest = words[at + ShardWord.newest] as number;
    words[entry + EntryWord.older] = newest;
    words[entry + EntryWord.newer] = 0;
    if (newest !== 0) words[this.#linkOf(newest, EntryWord.newer)] = entry >> 2;
    else words[at + ShardWord.oldest] = entry >> 2;
    words[at + ShardWord.newest] = entry >> 2;
  }

  #dequeue(at: number, entry: number): void {
    const words = this.#words;
    const older = words[entry + EntryWord.older] as number;
    const newer = words[entry + EntryWord.newer] as number;
    if (newer !== 0) words[this.#linkOf(newer, EntryWord.older)] = older;
    else words[at + ShardWord.newest] = older;
    if (older !== 0) words[this.#linkOf(older, EntryWord.newer)] = newer;
    else words[at + ShardWord.oldest] = newer;
  }

  #takePlace(at: number, old: number, entry: number): void {
    const words = this.#words;
    const older = words[old + EntryWord.older] as number;
    const newer = words[old + EntryWord.newer] as number;
    words[entry + EntryWord.older] = older;
    words[entry + EntryWord.newer] = newer;
    if (newer !== 0) words[this.#linkOf(newer, EntryWord.older)] = entry >> 2;
    else words[at + ShardWord.newest] = entry >> 2;
    if (older !== 0) words[this.#linkOf(older, EntryWord.newer)] = entry >> 2;
    else words[at + ShardWord.oldest] = entry >> 2;
  }

  #linkOf(block: number, word: number): number {
    const entry = block << 2;
    if (entry < this.#firstWord || entry > this.#lastWord || block >>> 27 !== 0) {
      throw this.memory.damaged('the order of its entries leads elsewhere');
    }
    return entry + word;
  }

  /** Returns the next entry to evict, or {@link none}. */
  #victim(at: number): number {
    const words = this.#words;
    const bytes = this.#bytes;
    const most = words[at + ShardWord.entries] as number;
    for (let i = 0; ; i++) {
      const block = words[at + ShardWord.oldest] as number;
      if (block === 0) return none;
      const entry = this.#linkOf(block, 0);
      const mark = this.#markOf(entry);
      if (bytes[mark] === 0 || i > most) return entry;
      bytes[mark] = 0;
      this.#dequeue(at, entry);
      this.#enqueue(at, entry);
    }
  }

  /** Evicts one entry; returns `false` if the shard is empty. */
  #evictOne(at: number): boolean {
    const victim = this.#victim(at);
    if (victim === none) return false;
    this.#evict(at, victim);
    return true;
  }

  #evict(at: number, entry: number): void {
    this.#linkTo(at, entry);
    const expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
    this.#remove(at, entry);
    if (expires !== 0 && clock() >= expires) this.expired++;
    else this.evictions++;
  }

  /** Finds the link that leads to an entry. */
  #linkTo(at: number, entry: number): void {
    const words = this.#words;
    const table = words[at + ShardWord.table] as number;
    const next = EntryWord.next + ((table >>> 5) & 1);
    let link = this.bucketWord(at, table, words[entry] as number);
    const limit = this.memory.capacityPages << 6;
    for (let steps = 0; link !== 0 && steps <= limit; steps++) {
      const block = words[link] as number;
      if (block === entry >> 2) {
        this.#link = link;
        return;
      }
      if (block === 0) break;
      link = this.#linkOf(block, next);
    }
    throw this.memory.damaged('an entry is in no chain');
  }

  /** A block of the class, for which others may have to go; 0 if there is no memory. */
  #take(at: number, shard: number, size: number): number {
    let block = this.blocks.take(shard, size);
    if (block !== 0 || !this.#evicts) return block !== 0 ? block : this.#takeSwept(at, shard, size);
    // Shards that have less than half of their share take from others, so that some large entries do not starve the small.
    const share = this.memory.capacityPages / this.memory.shards;
    if (this.memory.shards > 1 && (this.#words[at + ShardWord.pages] as number) < share / 2) {
      this.#emptyElsewhere(shard, 1);
      block = this.blocks.take(shard, size);
    }
    for (let i = 0; i < maxVictims && block === 0 && this.#evictOne(at); i++) block = this.blocks.take(shard, size);
    for (let i = 0; i < 4 && block === 0; i++) {
      if (!this.#emptyPage(at, shard) && !this.#emptyElsewhere(shard, 1)) break;
      block = this.blocks.take(shard, size);
    }
    return block;
  }

  /** Without eviction: blocks that other classes keep, and expired entries, are room. */
  #takeSwept(at: number, shard: number, size: number): number {
    if (this.blocks.giveEmpty(shard) === 0 && !this.#sweepAll(at)) return 0;
    this.blocks.giveEmpty(shard);
    return this.blocks.take(shard, size);
  }

  #takeLarge(at: number, shard: number, bytes: number): number {
    const { blocks, pages, memory } = this;
    let block = blocks.takeLarge(shard, bytes);
    const needed = Math.ceil(bytes / pageBytes) + Math.ceil(bytes / (dataPagesOfRegion * pageBytes));
    if (block !== 0 || Math.ceil(bytes / pageBytes) > memory.capacityPages) return block;
    // To evict everything would not be enough.
    if (pages.lacksMemory && needed * pageBytes > pages.backedBytes + shmSpace().free) return 0;
    if (!this.#evicts) {
      blocks.giveEmpty(shard);
      this.#sweepAll(at);
      return blocks.takeLarge(shard, bytes);
    }
    const share = memory.capacityPages / memory.shards;
    const limit = 2 * memory.capacityPages;
    for (let i = 0; block === 0 && i < limit; i++) {
      const others = memory.shards > 1 && (this.#words[at + ShardWord.pages] as number) < share;
      const emptied =
        (others && this.#emptyElsewhere(shard, 1)) || this.#emptyPage(at, shard) || this.#emptyElsewhere(shard, 1);
      if (!emptied) break;
      // Runs may be scattered: then they take a little more.
      if (pages.free >= Math.min(needed, memory.capacityPages)) block = blocks.takeLarge(shard, bytes);
    }
    return block !== 0 ? block : blocks.takeLarge(shard, bytes);
  }

  /** Evicts all entries of the page in which the next victim lies. `false` if the shard has none. */
  #emptyPage(at: number, shard: number): boolean {
    if (this.blocks.giveEmpty(shard) > 0) return true;
    const victim = this.#victim(at);
    if (victim === none) return false;
    const page = victim >>> 10;
    if (((this.#words[victim + EntryWord.meta] as number) & Meta.large) !== 0) {
      this.#evict(at, victim);
      return true;
    }
    for (const block of [...this.blocks.blocksIn(page)]) {
      const entry = block << 2;
      // The page is given back with its last block, unless it is the only one of its class.
      if (this.memory.stateOf(page) >> 8 !== shard + 1) return true;
      if (((this.#words[entry + EntryWord.meta] as number) & Meta.live) !== 0) this.#evict(at, entry);
    }
    return this.blocks.giveIfEmpty(shard, page);
  }

  /** Empties pages of other shards. `false` if none had any, or all of these are being written to. */
  #emptyElsewhere(shard: number, count: number): boolean {
    const { memory } = this;
    let emptied = 0;
    for (let i = 0; i < memory.shards && emptied < count; i++) {
      this.#steal = (this.#steal + 1) % memory.shards;
      const other = this.#steal;
      const at = memory.shardAt(other);
      if (other === shard || (this.#words[at + ShardWord.pages] as number) === 0) continue;
      // Two owners that wait for each other's shard would deadlock.
      const dirty = memory.tryLock(at);
      if (dirty === undefined) continue;
      if (dirty) this.#mend(at);
      try {
        if (this.#emptyPage(at, other)) emptied++;
      } catch (error) {
        this.#mendAfter(at);
        throw error;
      } finally {
        memory.unlock(at);
      }
    }
    return emptied > 0;
  }

  /** Removes what a reader has found to have expired, if the lock is free. */
  #removeExpired(at: number): void {
    const dirty = this.memory.tryLock(at);
    if (dirty === undefined) return;
    if (dirty) this.#mend(at);
    try {
      this.#findLive(at);
    } catch (error) {
      this.#mendAfter(at);
      throw error;
    } finally {
      this.memory.unlock(at);
    }
  }

  /** Looks at a few further buckets for entries that have expired. */
  #sweep(at: number, time: number, except: number): void {
    const words = this.#words;
    const table = words[at + ShardWord.table] as number;
    let bucket = words[at + ShardWord.sweep] as number;
    for (let i = 0; i < sweptBuckets; i++) this.#sweepBucket(at, table, bucket++, time, except);
    words[at + ShardWord.sweep] = bucket & ((1 << (table & 31)) - 1);
  }

  #sweepBucket(at: number, table: number, bucket: number, time: number, except: number): number {
    const words = this.#words;
    const next = EntryWord.next + ((table >>> 5) & 1);
    let link = this.bucketWord(at, table, bucket);
    if (link === 0) throw this.memory.damaged('a table lies outside of its memory');
    let removed = 0;
    for (let steps = 0; words[link] !== 0 && steps <= maxSteps; steps++) {
      const entry = this.#linkOf(words[link] as number, 0);
      const expires = this.#doubles[(entry + EntryWord.expires) >> 1] as number;
      if (expires !== 0 && time >= expires && entry !== except) {
        this.#link = link;
        this.#remove(at, entry);
        this.expired++;
        removed++;
      } else {
        link = entry + next;
      }
    }
    return removed;
  }

  /** Removes all entries of the shard that have expired. Whether there were any. */
  #sweepAll(at: number): boolean {
    const table = this.#words[at + ShardWord.table] as number;
    const time = clock();
    let removed = 0;
    if ((this.#words[at + ShardWord.expiring] as number) <= 0) return false;
    for (let bucket = (1 << (table & 31)) - 1; bucket >= 0; bucket--) {
      removed += this.#sweepBucket(at, table, bucket, time, none);
    }
    return removed > 0;
  }

  /** Builds a larger table with the links that are not in use, and has one store put it in the place of this one. */
  #grow(at: number, table: number): void {
    const words = this.#words;
    const shard = this.#shardOf(at);
    const bits = table & 31;
    const wider = bits < 10 ? 10 : bits + 1;
    const pages = (1 << wider) >> 10;
    const page = this.pages.takeTable(shard, pages);
    if (page === 0) return;
    const parity = ((table >>> 5) & 1) ^ 1;
    const first = page << 10;
    words.fill(0, first, first + (1 << wider));
    const mask = (1 << wider) - 1;
    const limit = this.memory.capacityPages << 6;
    let steps = 0;
    for (let bucket = (1 << bits) - 1; bucket >= 0; bucket--) {
      let block = words[this.bucketWord(at, table, bucket)] as number;
      while (block !== 0) {
        const entry = this.#linkOf(block, 0);
        if (++steps > limit) throw this.memory.damaged('a chain of entries has no end');
        const place = first + ((words[entry] as number) & mask);
        words[entry + EntryWord.next + parity] = words[place] as number;
        words[place] = block;
        block = words[entry + EntryWord.next + (parity ^ 1)] as number;
      }
    }
    Atomics.store(words, at + ShardWord.table, (page << 6) | (parity << 5) | wider);
    this.#raise(at);
    this.#change(at + ShardWord.pages, pages);
    words[at + ShardWord.sweep] = 0;
    const old = table >>> 6;
    if (old === 0) return;
    this.#change(at + ShardWord.pages, -((1 << bits) >> 10));
    this.pages.give([{ page: old, count: (1 << bits) >> 10 }]);
  }

  #hasContent(entry: number, meta: number, content: Buffer): boolean {
    const words = this.#words;
    const is = words[entry + EntryWord.meta] as number;
    if ((is & 0x1fff) !== meta || words[entry + EntryWord.valueLength] !== content.length) return false;
    const value = this.#read(entry, is, true);
    if (value === torn) throw this.memory.damaged('a value lies outside of its memory');
    const has = value === later ? this.#copied.subarray(0, this.#copiedLength) : (value as Buffer);
    return content.equals(has);
  }

  #scanBucket(at: number, table: number, bucket: number, visit: (entry: number) => void): boolean {
    const words = this.#words;
    const first = this.bucketWord(at, table, bucket);
    if (first === 0) return false;
    const next = EntryWord.next + ((table >>> 5) & 1);
    let entry = (words[first] as number) << 2;
    for (let steps = 0; entry !== 0; steps++) {
      if (entry < this.#firstWord || entry > this.#lastWord || steps > maxSteps) return false;
      visit(entry);
      entry = (words[entry + next] as number) << 2;
    }
    return true;
  }

  #full(bytes: number): Full | SystemError {
    if (this.pages.lacksMemory) return noMemoryFor('an entry', bytes);
    const { capacityPages, maxEntries } = this.memory;
    const limit = maxEntries === 0 ? '' : `, or ${maxEntries} entries`;
    return new Full(
      `The map is full: there is no room for an entry of ${bytes} bytes within ${capacityPages * pageBytes} bytes${limit}. ` +
        'Delete entries, or make the map with a larger "capacity" or another "eviction"',
    );
  }
}

/** An entry outside of shared memory. */
export interface EntryCopy {
  readonly keyType: number;
  readonly key: Buffer;
  /** The bytes of the value if there is a `meta`; else the value itself. */
  readonly value: unknown;
  readonly meta: number;
}

function copyOf(bytes: RawBuffer, start: number, end: number): RawBuffer {
  const copy = receivedBuffer(end - start) as RawBuffer;
  bytes.copy(copy, 0, start, end);
  return copy;
}

/**
 * Returns the next cursor, counted with the highest bit of the table first: a larger table continues at the same place.
 */
function advance(cursor: number, mask: number): number {
  return reverse((reverse(cursor | ~mask) + 1) | 0);
}

function reverse(word: number): number {
  let x = word;
  x = ((x >>> 1) & 0x5555_5555) | ((x & 0x5555_5555) << 1);
  x = ((x >>> 2) & 0x3333_3333) | ((x & 0x3333_3333) << 2);
  x = ((x >>> 4) & 0x0f0f_0f0f) | ((x & 0x0f0f_0f0f) << 4);
  x = ((x >>> 8) & 0x00ff_00ff) | ((x & 0x00ff_00ff) << 8);
  return (x >>> 16) | (x << 16);
}
