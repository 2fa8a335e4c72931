/** `multiproc/keyv`: a storage adapter that keeps the entries of Keyv in a SharedMap. */
import { EventEmitter } from 'node:events';
import { SharedMap, type SharedMapOptions } from '../map/shared-map.js';
import { describe } from '../options/describe.js';

/** The entries of {@link KeyvSharedMap}: strings as Keyv serialises values, or objects if its serialisation is off. */
export type KeyvEntries = SharedMap<string, unknown>;

/**
 * A storage adapter of Keyv over a {@link SharedMap}: one cache for all processes of a machine, also for what is built on Keyv
 * (cacheable, cache-manager). There is no server, and reads take no lock.
 *
 * Several instances, each for one namespace, may share one map. Keys are those of Keyv with its namespace in front, and at most
 * 1 KiB long.
 *
 * @example
 * ```ts
 * const keyv = new Keyv({ store: new KeyvSharedMap({ name: 'my-app.cache' }) });
 * ```
 */
export class KeyvSharedMap extends EventEmitter {
  /** The map that has the entries. */
  readonly map: KeyvEntries;
  /** Set by Keyv: `clear()` and `iterator()` are about its keys only. */
  namespace: string | undefined = undefined;
  /** Keyv 5 offers `iterator()` only for a dialect out of a list of its own, and uses the dialect for nothing else. */
  readonly opts: { url: string; dialect: string; [option: string]: unknown } = { url: '', dialect: 'redis' };
  readonly #isOwn: boolean;

  /**
   * Opens or makes a map, or takes one that the caller has.
   *
   * @param mapOrOptions a map, which stays the caller's to close; or options of one, which `disconnect()` closes
   * @throws what the constructor of {@link SharedMap} throws
   */
  constructor(mapOrOptions?: SharedMap<string, unknown> | SharedMapOptions) {
    super();
    const isMap = mapOrOptions instanceof SharedMap;
    if (!isMap && mapOrOptions instanceof Map) {
      throw new TypeError(
        `Expected a SharedMap or its options, got ${describe(mapOrOptions)}: a Map is of one process`,
      );
    }
    this.#isOwn = !isMap;
    this.map = isMap ? mapOrOptions : new SharedMap<string, unknown>(mapOrOptions);
  }

  /** Returns the value of the key; `undefined` if it is absent or expired. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return this.map.get(key) as Value | undefined;
  }

  /** The values of the keys, in their order. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return keys.map((key) => this.map.get(key) as Value | undefined);
  }

  /**
   * Stores a value.
   *
   * @param ttl milliseconds that it lasts; absent: the map's own `ttl`
   */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    this.#store(key, value, ttl);
    return true;
  }

  /** Stores several values, each as {@link set}. */
  async setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    for (const { key, value, ttl } of entries) this.#store(key, value, ttl);
  }

  /** Removes the entry. `false` if there was none. */
  async delete(key: string): Promise<boolean> {
    return this.map.delete(key);
  }

  /** Removes the entries. `false` if one of the keys had none. */
  async deleteMany(keys: string[]): Promise<boolean> {
    let all = true;
    for (const key of keys) all = this.map.delete(key) && all;
    return all;
  }

  // There is no `hasMany`: Keyv 6 leaves namespaces to adapters that have all methods; Keyv 5 puts them into the keys.

  /** Whether the key has a value. */
  async has(key: string): Promise<boolean> {
    return this.map.has(key);
  }

  /** Removes all entries of the namespace; without one, all of the map. */
  async clear(): Promise<void> {
    if (this.namespace === undefined) {
      this.map.clear();
      return;
    }
    for (const key of this.map.keys()) if (this.#isInNamespace(key)) this.map.delete(key);
  }

  /** The entries of the namespace, with the keys as they are in the map. */
  async *iterator<Value>(
    namespace: string | undefined = this.namespace,
  ): AsyncGenerator<[string, Awaited<Value>], undefined> {
    for (const [key, value] of this.map.entries()) {
      if (this.#isInNamespace(key, namespace)) yield [key, value as Awaited<Value>];
    }
  }

  /** Closes a map that this adapter has opened. Its entries stay if it has a name, or other processes have it open. */
  async disconnect(): Promise<void> {
    if (this.#isOwn) this.map.close();
  }

  #store(key: string, value: unknown, ttl: number | undefined): void {
    if (ttl === undefined || ttl === null) this.map.set(key, value);
    else if (ttl <= 0) this.map.delete(key);
    else this.map.set(key, value, { ttl: Math.ceil(ttl) });
  }

  #isInNamespace(key: unknown, namespace: string | undefined = this.namespace): boolean {
    return typeof key === 'string' && (namespace === undefined || key.startsWith(`${namespace}:`));
  }
}
