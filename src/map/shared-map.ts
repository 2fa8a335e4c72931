/** SharedMap: keys and values that all processes of a machine share, read without a lock, with eviction and expiry. */
import { parseWait, type Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { describe } from '../options/describe.js';
import { checkedBy, type Kind, nullable, oneOf, positiveInteger, unexpected } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import type { RawBuffer } from '../serialize/compact-format.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind, blockOf, closedError, type Mode, type NameOptions, objectName } from '../shared/block.js';
import { textForm } from '../shared/text-form.js';
import { setTimeout } from '../timing.js';
import { checkWait, claim, failWaits, finish, waitFor } from './computations.js';
import { absent, type EntryCopy, MapCore } from './core.js';
import { type MapKey, unpackKey } from './keys.js';
import { capacityKind, type MapShape, obtainMap } from './map-block.js';
import { readValue } from './values.js';

/** Options of {@link SharedMap}. Of a named map that exists, those that are given are compared. */
export interface SharedMapOptions extends NameOptions {
  /** Bytes of shared memory that entries may take, from 64 KiB to 2000 MiB. Default: 64 MiB. */
  capacity?: number | undefined;
  /** Upper bound of the number of entries. Default: as many as there is memory for. */
  maxEntries?: number | undefined;
  /** Milliseconds after which an entry expires, unless `set` says otherwise. Default: entries do not expire. */
  ttl?: number | null | undefined;
  /**
   * Behaviour of a full map: `'lru'` evicts the least recently used entries; `'none'` throws `Full`. Default: `'lru'`.
   */
  eviction?: 'lru' | 'none' | undefined;
}

/** Lifetime of an entry. */
export interface TtlOptions {
  /** Milliseconds; `Infinity` or null: until it is evicted or deleted. Absent: the map's own. */
  ttl?: number | null | undefined;
}

/** Options of {@link SharedMap.getOrCompute}. */
export interface ComputeOptions extends TtlOptions {
  /**
   * Upper bound on the wait for another caller that computes the same value: milliseconds, or `{ timeout, signal }`.
   */
  wait?: Wait;
}

/** Result of {@link SharedMap.stats}. */
export interface MapStats {
  /** Entries, also those that have expired and that nothing has met since. */
  entries: number;
  /** Bytes that entries take, with their keys, headers and padding. */
  bytes: number;
  /** Bytes that entries may take. */
  capacity: number;
  /** Bytes of pages in use: what of them no entry takes is free for entries of the same sizes. */
  used: number;
  /**
   * Reads that found a value, in all processes. A process adds its counts every 4,096 reads; a killed one loses the
   * rest.
   */
  hits: number;
  misses: number;
  /** Entries that had to go for others. */
  evictions: number;
  expired: number;
  /** The same, of this object in this process. */
  own: { hits: number; misses: number; evictions: number; expired: number };
}

const defaultCapacity = 64 * 1024 * 1024;

/** A time that an entry lasts. */
const ttlKind: Kind<number | null> = nullable(
  checkedBy((value, name) => {
    if (typeof value !== 'number') throw unexpected(name, 'milliseconds, a number', value);
    if (value === Infinity) return;
    if (!Number.isInteger(value)) {
      throw new RangeError(
        `Expected "${name}" to be a whole number of milliseconds, got ${value} (other packages count seconds)`,
      );
    }
    if (value < 1) throw new ValueError(`Expected "${name}" to be at least 1 millisecond, got ${value}`);
  }),
);

const maxEntriesKind: Kind<number> = checkedBy((value, name) => {
  positiveInteger.check(value, name);
  if ((value as number) >= 2 ** 31) throw new RangeError(`Expected "${name}" to be less than 2^31, got ${value}`);
});

const mapOptions = new OptionTable<SharedMapOptions>({
  name: objectName,
  capacity: capacityKind,
  maxEntries: maxEntriesKind,
  ttl: ttlKind,
  eviction: oneOf('lru', 'none'),
});
const ttlOptions = new OptionTable<TtlOptions>({ ttl: ttlKind });
const anyWait: Kind<Wait> = checkedBy((value) => {
  parseWait(value as Wait);
});
const computeOptions = new OptionTable<ComputeOptions>({
  ttl: ttlKind,
  wait: anyWait as Kind<Exclude<Wait, undefined>>,
});

/** After `clear()`, free memory is given back when no reader can be in it any more. */
const trimMs = 2500;

/**
 * A map of any values that can travel, in shared memory: Map's interface, for all processes and threads of a machine. Python has
 * no such class: there a `Manager().dict()` goes through a server.
 *
 * A value is copied into the map by `set`, and each `get` makes a copy: changes to it are not seen by others, until it is set
 * again. Readers take no lock; writers lock a part of the map for microseconds. A process that is killed in the midst of a write
 * leaves each entry old or new, and no memory is lost.
 */
export class SharedMap<K extends MapKey = MapKey, V = unknown> {
  readonly #block: Block;
  #core: MapCore | undefined;

  /**
   * Makes an anonymous map, or opens the named one, which is made if it is missing.
   *
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else, or to a map with
   * other options
   */
  constructor(options?: SharedMapOptions);
  /** @internal */
  constructor(block: Block);
  constructor(options?: SharedMapOptions | Block) {
    refuseClones(this);
    this.#block = options instanceof Block ? options : obtain('open-or-create', options);
    try {
      this.#core = new MapCore(this.#block);
    } catch (error) {
      this.#block.release();
      throw error;
    }
  }

  /** Makes a map that must not exist yet: `EEXIST`. */
  static create<K extends MapKey = MapKey, V = unknown>(options?: SharedMapOptions): SharedMap<K, V> {
    return new SharedMap<K, V>(obtain('create', options));
  }

  /** Opens a map that must exist: `ENOENT`. */
  static open<K extends MapKey = MapKey, V = unknown>(name: string): SharedMap<K, V> {
    return new SharedMap<K, V>(Block.open(name, BlockKind.sharedMap));
  }

  /** Removes the name; processes that have the map open can still use it. `ENOENT` for an unknown name. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous map. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /** Entries, also those that have expired and that nothing has met since. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Returns the value of the key; `undefined` if it is absent or has expired.
   *
   * @throws the error of deserialising the value
   */
  get(key: K): V | undefined {
    const core = this.#core;
    if (core === undefined) throw closedError('SharedMap');
    const value = core.get(key);
    return value === absent ? undefined : (value as V);
  }

  /** As {@link get}, but the entry does not count as used, and the read is not counted. */
  peek(key: K): V | undefined {
    const value = this.#open.get(key, false);
    return value === absent ? undefined : (value as V);
  }

  /** Whether the key has a value. The entry does not count as used. */
  has(key: K): boolean {
    return this.#open.has(key);
  }

  /**
   * Stores a value. Every process that reads afterwards gets it.
   *
   * @param options `ttl`: milliseconds that it lasts
   * @throws TypeError for what cannot travel, for shared objects, and for what is no key; RangeError for a key of more than 1 KiB
   * @throws Full if the map has no room for it: with `eviction: 'none'`, or for a value larger than the map
   * @throws SystemError `ENOSPC`, with `wanted`, `free` and `capacity` in bytes: /dev/shm has no memory for it
   */
  set(key: K, value: V, options?: TtlOptions): this {
    const core = this.#core;
    if (core === undefined) throw closedError('SharedMap');
    core.set(key, value, options === undefined ? core.ttl : ttlOf(core, options));
    return this;
  }

  /** Removes the entry. `false` if there was none. */
  delete(key: K): boolean {
    return this.#open.delete(key);
  }

  /** Removes all entries. Entries that other processes set meanwhile may stay. */
  clear(): void {
    this.#open.clear();
    setTimeout(() => this.#core?.pages.trim(), trimMs).unref();
  }

  /** The value of the key; if it has none, `value`, which is stored. Of several callers at once one stores. */
  getOrInsert(key: K, value: V, options?: TtlOptions): V {
    const core = this.#open;
    return core.insert(key, value, ttlOf(core, options)) as V;
  }

  /**
   * The value of the key; if it has none, what `compute` returns, which is stored. Of all callers in all processes one computes,
   * and the others wait for it. If its process dies, or `compute` throws, another caller computes; the error goes to the caller
   * whose function threw it.
   *
   * @param compute may be asynchronous. It must not ask for the same key: that would wait for itself
   * @param options `ttl`; `wait`: bounds the wait for another caller, not the own computation
   * @throws TimeoutError when the time has passed; rejects with the signal's reason
   */
  async getOrCompute(key: K, compute: (key: K) => V | PromiseLike<V>, options?: ComputeOptions): Promise<V> {
    if (typeof compute !== 'function') throw unexpected('compute', 'a function', compute);
    computeOptions.check(options, 'getOrCompute');
    const wait = parseWait(options?.wait);
    const core = this.#open;
    const ttl = ttlFrom(core, options);
    const { words } = core.memory;
    for (;;) {
      const value = core.get(key);
      if (value !== absent) return value as V;
      const claimed = core.whileLocked(key, (hash, isThere) => (isThere ? undefined : claim(words, hash)));
      if (claimed === undefined) continue;
      if (!claimed.mine) {
        checkWait(wait);
        await waitFor(this.#block, claimed, this, wait);
        this.#open;
        continue;
      }
      try {
        const computed = await compute(key);
        this.#open.set(key, computed, ttl);
        return computed;
      } finally {
        // A closed map has no words; the death of this thread frees the slot.
        if (this.#core !== undefined) finish(this.#block, words, claimed.slot);
      }
    }
  }

  /**
   * Stores the result of `change` for the value, `undefined` for an absent one; returns the result. No write of another
   * process in between is lost: `change` is called again with the new value then. The result `undefined` deletes the
   * entry.
   *
   * @param change synchronous; may be called several times
   */
  update(key: K, change: (value: V | undefined) => V | undefined, options?: TtlOptions): V | undefined {
    if (typeof change !== 'function') throw unexpected('change', 'a function', change);
    const core = this.#open;
    const ttl = options === undefined ? undefined : ttlOf(core, options);
    for (;;) {
      const before = core.get(key);
      const { version, expires } = core;
      const value = change(before === absent ? undefined : (before as V));
      if (isPromise(value))
        throw new TypeError('Expected "change" to return a value, got a Promise: it must be synchronous');
      const open = this.#open;
      if (value === undefined) {
        if (before === absent || open.deleteVersion(key, version)) return undefined;
        continue;
      }
      if (open.update(key, value, version, ttl, before === absent ? undefined : expires)) return value;
    }
  }

  /**
   * Adds to a number, in one step; a key without a value counts as 0. Returns the sum.
   *
   * @param change default 1
   * @param options `ttl`: of an entry that is new; that of one that exists stays
   * @throws TypeError if the value is no number
   */
  add(key: K, change = 1, options?: TtlOptions): number {
    if (typeof change !== 'number') throw unexpected('change', 'a number', change);
    const core = this.#open;
    return core.add(key, change, ttlOf(core, options));
  }

  /**
   * Stores `value` if the key has `expected`: the same content, with the keys of objects in the same order. `undefined`
   * stands for an absent entry: as `expected` the value is stored if the entry is absent, as `value` the entry is
   * deleted.
   *
   * @returns whether it was stored
   */
  compareAndSet(key: K, expected: V | undefined, value: V | undefined, options?: TtlOptions): boolean {
    const core = this.#open;
    const ttl = ttlOf(core, options);
    return core.compareAndSet(
      key,
      expected === undefined ? absent : expected,
      value === undefined ? absent : value,
      ttl,
    );
  }

  /**
   * Sets the entry to expire `ttl` ms from now, by default the map's own, and counts as a use; returns `false` for an
   * absent entry.
   */
  touch(key: K, options?: TtlOptions): boolean {
    const core = this.#open;
    return core.touch(key, ttlOf(core, options));
  }

  /**
   * The entries, in no particular order. An entry that is there all the time comes exactly once; one that is stored or deleted
   * meanwhile may come or not.
   */
  *entries(): Generator<[K, V], undefined, undefined> {
    for (const copy of this.#copies()) {
      const key = unpackKey(copy.keyType, copy.key);
      if (key !== undefined) yield [key as K, decoded(copy) as V];
    }
  }

  /** The keys; see {@link entries}. */
  *keys(): Generator<K, undefined, undefined> {
    for (const copy of this.#copies()) {
      const key = unpackKey(copy.keyType, copy.key);
      if (key !== undefined) yield key as K;
    }
  }

  /** The values; see {@link entries}. */
  *values(): Generator<V, undefined, undefined> {
    for (const copy of this.#copies()) yield decoded(copy) as V;
  }

  /** Calls back for each entry; see {@link entries}. */
  forEach(callback: (value: V, key: K, map: this) => void, thisArg?: unknown): void {
    if (typeof callback !== 'function') throw unexpected('callback', 'a function', callback);
    for (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  [Symbol.iterator](): Generator<[K, V], undefined, undefined> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'SharedMap';
  }

  /** Returns the usage of the map, and counts of reads. */
  stats(): MapStats {
    const core = this.#open;
    core.flush();
    return statsOf(core);
  }

  /** Lets go of the map in this process: waits that are pending here fail. Idempotent. */
  close(): void {
    const core = this.#core;
    if (core === undefined) return;
    core.flush();
    core.pages.trim();
    this.#core = undefined;
    failWaits(this, closedError('SharedMap'));
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous map. */
  unlink(): void {
    this.#block.unlink();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    return this.#block.depart(HandleKind.sharedMap);
  }

  /** Text for `console.log`: `<SharedMap(size=3)>`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return textForm(this, this.#core === undefined ? undefined : [`size=${this.#core.size}`]);
  }

  get #open(): MapCore {
    if (this.#core === undefined) throw closedError('SharedMap');
    return this.#core;
  }

  *#copies(): Generator<EntryCopy, undefined, undefined> {
    const { shards } = this.#open.memory;
    for (let shard = 0; shard < shards; shard++) {
      let cursor = 0;
      do {
        const copies: EntryCopy[] = [];
        const core = this.#open;
        cursor = core.scan(
          shard,
          cursor,
          (entry) => {
            const copy = core.copyEntry(entry);
            if (copy !== undefined) copies.push(copy);
          },
          () => {
            copies.length = 0;
          },
        );
        yield* copies;
      } while (cursor !== 0);
    }
  }
}
isNoData(SharedMap);

registerArrival(HandleKind.sharedMap, (handle) => new SharedMap(Block.arrive(handle, BlockKind.sharedMap)));

/** @internal */
export function statsOf(core: MapCore): MapStats {
  const { hits, misses, evictions, expired, memory } = core;
  const all = Array.from(memory.counters, Number) as [number, number, number, number];
  return {
    ...core.usage(),
    hits: all[0],
    misses: all[1],
    evictions: all[2],
    expired: all[3],
    own: { hits, misses, evictions, expired },
  };
}

function obtain(mode: Mode, options: SharedMapOptions | undefined): Block {
  mapOptions.check(options, 'SharedMap');
  const { capacity, maxEntries, ttl, eviction } = options ?? {};
  const shape: MapShape = {
    capacity: capacity ?? defaultCapacity,
    maxEntries: maxEntries ?? 0,
    ttl: ttl === undefined || ttl === null || ttl === Infinity ? 0 : ttl,
    points: 0,
    evicts: eviction !== 'none',
  };
  const given: { -readonly [Option in keyof MapShape]?: string } = {};
  if (capacity !== undefined) given.capacity = 'capacity';
  if (maxEntries !== undefined) given.maxEntries = 'maxEntries';
  if (ttl !== undefined) given.ttl = 'ttl';
  if (eviction !== undefined) given.evicts = 'eviction';
  return obtainMap(mode, BlockKind.sharedMap, shape, given, options);
}

function ttlOf(core: MapCore, options: TtlOptions | undefined): number {
  if (options === undefined) return core.ttl;
  if (typeof options === 'number') {
    throw new TypeError(`Expected "options" to be { ttl }, got ${describe(options)}: write { ttl: ${options} }`);
  }
  ttlOptions.check(options, 'SharedMap');
  return ttlFrom(core, options);
}

function ttlFrom(core: MapCore, options: TtlOptions | undefined): number {
  const ttl = options?.ttl;
  if (ttl === undefined) return core.ttl;
  return ttl === null || ttl === Infinity ? 0 : ttl;
}

function decoded({ value, meta }: EntryCopy): unknown {
  return meta === -1 ? value : readValue(meta, value as RawBuffer, (value as Buffer).length);
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
