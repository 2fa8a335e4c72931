/** SharedMap on a Redis server: keys and values that programs of any machine share, with expiry. */
import { createHash } from 'node:crypto';
import type { Wait } from '../deadline.js';
import { type ClosedError, ValueError } from '../errors.js';
import type { MapKey } from '../map/keys.js';
import { describe } from '../options/describe.js';
import { checkedBy, type Kind, nullable, unexpected } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { objectName } from '../shared/block.js';
import type { Link } from './link.js';
import { RedisLock } from './lock.js';
import { RedisObject } from './object.js';
import type { Argument } from './script.js';
import { Script } from './script.js';
import { decode, encode } from './values.js';

/** Options of a map of a Redis context. */
export interface RedisSharedMapOptions {
  /** The map's name. */
  name: string;
  /** Milliseconds after which an entry expires, unless `set` says otherwise. Default: entries do not expire. */
  ttl?: number | null | undefined;
}

/** Lifetime of an entry. */
export interface RedisTtlOptions {
  /** Milliseconds; `Infinity` or null: until it is deleted. Absent: the map's own. */
  ttl?: number | null | undefined;
}

const ttlKind: Kind<number | null> = nullable(
  checkedBy((value, name) => {
    if (typeof value !== 'number') throw unexpected(name, 'milliseconds, a number', value);
    if (value === Infinity) return;
    if (!Number.isInteger(value)) {
      throw new RangeError(`Expected "${name}" to be a whole number of milliseconds, got ${value}`);
    }
    if (value < 1) throw new ValueError(`Expected "${name}" to be at least 1 millisecond, got ${value}`);
  }),
);
const mapOptions = new OptionTable<RedisSharedMapOptions>({ name: objectName, ttl: ttlKind });
const ttlOptions = new OptionTable<RedisTtlOptions>({ ttl: ttlKind });

const opened = `
  local state, expiry = KEYS[2], KEYS[3]
  local time = now()
  local function drop(key)
    call('ZREM', expiry, key)
    return call('HDEL', state, key)
  end
  local function fresh(key)
    local ends = call('ZSCORE', expiry, key)
    if ends and tonumber(ends) <= time then drop(key) end
    return call('HGET', state, key)
  end
  local function last(key, ttl)
    if ttl == 'always' then call('ZREM', expiry, key)
    elseif ttl ~= 'same' then call('ZADD', expiry, time + ttl, key) end
  end
`;
const reading = `local args = ARGV ${opened}`;

const get = new Script(
  'reading an entry',
  `${reading} local value = fresh(args[1]) return { value and 1 or 0, value or '' }`,
);
const set = new Script(
  'storing an entry',
  `${opened} call('HSET', state, args[1], args[2]) last(args[1], args[3]) return { 1 }`,
  true,
);
const remove = new Script(
  'deleting an entry',
  `${opened} if not fresh(args[1]) then return { 0 } end drop(args[1]) return { 1 }`,
  true,
);
const insert = new Script(
  'inserting an entry',
  `${opened}
  local value = fresh(args[1])
  if value then return { 0, value } end
  call('HSET', state, args[1], args[2])
  last(args[1], args[3])
  return { 1 }
`,
  true,
);
/** Expected and new value are the bytes behind a '1', or '0' for no entry. */
const swap = new Script(
  'changing an entry',
  `${opened}
  local value = fresh(args[1])
  local have = value and '1' .. value or '0'
  if have ~= args[2] then return { 0, have } end
  if args[3] == '0' then
    drop(args[1])
  else
    call('HSET', state, args[1], string.sub(args[3], 2))
    last(args[1], (value and args[5] == '1') and 'same' or args[4])
  end
  return { 1 }
`,
  true,
);
const touch = new Script(
  'touching an entry',
  `${opened} if not fresh(args[1]) then return { 0 } end last(args[1], args[2]) return { 1 }`,
  true,
);
const size = new Script(
  'counting entries',
  `${reading}
  for _, key in ipairs(call('ZRANGEBYSCORE', expiry, '-inf', time, 'LIMIT', 0, 1000)) do drop(key) end
  return { call('HLEN', state) }
`,
);
const scan = new Script(
  'reading entries',
  `${reading}
  local reply = call('HSCAN', state, args[1], 'COUNT', 500)
  local result = { reply[1] }
  for i = 1, #reply[2], 2 do
    local ends = call('ZSCORE', expiry, reply[2][i])
    if not ends or tonumber(ends) > time then
      result[#result + 1] = reply[2][i]
      result[#result + 1] = reply[2][i + 1]
    end
  end
  return result
`,
);

const none = Buffer.from('0');

/** A map of any values that can travel to another machine. A value is copied by `set`, and each `get` makes a copy. */
export class RedisSharedMap<K extends MapKey = MapKey, V = unknown> extends RedisObject {
  readonly #ttl: number | null;
  readonly #lease: number;

  /** @internal */
  constructor(link: Link, kind: string, options: RedisSharedMapOptions | undefined, lease: number) {
    mapOptions.check(options, kind);
    super(link, kind, options);
    this.#ttl = options?.ttl ?? null;
    this.#lease = lease;
  }

  /** The number of entries. */
  get size(): Promise<number> {
    return this.#run(size, []).then((reply) => Number(reply[0]));
  }

  /** Returns the value of the key; `undefined` if it is absent or has expired. */
  async get(key: K): Promise<V | undefined> {
    const [isThere, value] = await this.#run(get, [keyOf(key)]);
    return isThere === 1 ? (decode(value) as V) : undefined;
  }

  /** As {@link get}: a map on a server counts no reads. */
  async peek(key: K): Promise<V | undefined> {
    return this.get(key);
  }

  /** Whether the key has a value. */
  async has(key: K): Promise<boolean> {
    return (await this.#run(get, [keyOf(key)]))[0] === 1;
  }

  /** Stores a value. @throws TypeError for what cannot travel to another machine, and for what is no key */
  async set(key: K, value: V, options?: RedisTtlOptions): Promise<this> {
    await this.#run(set, [keyOf(key), bytesOf(value), this.#lasts(options)]);
    return this;
  }

  /** Removes the entry. `false` if there was none. */
  async delete(key: K): Promise<boolean> {
    return (await this.#run(remove, [keyOf(key)]))[0] === 1;
  }

  /** Removes all entries. */
  async clear(): Promise<void> {
    this.checkOpen();
    await this.link.command('clear()', 'UNLINK', this.key('state'), this.key('expiry'));
  }

  /** The value of the key; if it has none, `value`, which is stored. Of several callers at once one stores. */
  async getOrInsert(key: K, value: V, options?: RedisTtlOptions): Promise<V> {
    const [stored, before] = await this.#run(insert, [keyOf(key), bytesOf(value), this.#lasts(options)]);
    return stored === 1 ? value : (decode(before) as V);
  }

  /**
   * The value of the key; if it has none, what `compute` returns, which is stored. Of all callers one computes, and the others wait
   * for it; if its program dies, another one computes when its lease has run out.
   *
   * @param options `ttl`; `wait`: bounds the wait for another caller
   * @throws TimeoutError when the time has passed
   */
  async getOrCompute(
    key: K,
    compute: (key: K) => V | PromiseLike<V>,
    options: RedisTtlOptions & { wait?: Wait } = {},
  ): Promise<V> {
    if (typeof compute !== 'function') throw unexpected('compute', 'a function', compute);
    const { wait, ...lasting } = options;
    const before = await this.get(key);
    if (before !== undefined) return before;
    const digest = createHash('sha1').update(keyOf(key)).digest('hex').slice(0, 24);
    const lock = new RedisLock(this.link, 'Lock', { name: `${this.name.slice(0, 170)}.${digest}` }, this.#lease);
    try {
      return await lock.run(async () => {
        const meanwhile = await this.get(key);
        if (meanwhile !== undefined) return meanwhile;
        const computed = await compute(key);
        await this.set(key, computed, lasting);
        return computed;
      }, wait);
    } finally {
      lock.close();
    }
  }

  /**
   * Stores the result of `change` for the value, `undefined` for an absent one; returns the result. No write of another
   * process in between is lost: `change` is called again then. The result `undefined` deletes the entry.
   *
   * @param change synchronous; may be called several times
   */
  async update(
    key: K,
    change: (value: V | undefined) => V | undefined,
    options?: RedisTtlOptions,
  ): Promise<V | undefined> {
    if (typeof change !== 'function') throw unexpected('change', 'a function', change);
    const field = keyOf(key);
    const [isThere, bytes] = await this.#run(get, [field]);
    let have = isThere === 1 ? present(bytes as Buffer) : none;
    for (;;) {
      const value = change(have.equals(none) ? undefined : (decode(have.subarray(1)) as V));
      if (typeof (value as { then?: unknown } | undefined | null)?.then === 'function') {
        throw new TypeError('Expected "change" to return a value, got a Promise: it must be synchronous');
      }
      const replacement = value === undefined ? none : present(bytesOf(value));
      const keeps = options?.ttl === undefined ? '1' : '0';
      const reply = await this.#run(swap, [field, have, replacement, this.#lasts(options), keeps]);
      if (reply[0] === 1) return value;
      have = reply[1] as Buffer;
    }
  }

  /** Adds to a number; a key without a value counts as 0. Returns the sum. @throws TypeError if the value is no number */
  async add(key: K, change = 1, options?: RedisTtlOptions): Promise<number> {
    if (typeof change !== 'number') throw unexpected('change', 'a number', change);
    const sum = (value: V | undefined) => {
      if (value !== undefined && typeof value !== 'number') {
        throw new TypeError(`Expected the value of ${describe(key)} to be a number, got ${describe(value)}`);
      }
      return (((value as number | undefined) ?? 0) + change) as V;
    };
    return (await this.update(key, sum, options)) as number;
  }

  /** Stores `value` if the key has `expected`; `undefined` stands for no entry. Returns whether it was stored. */
  async compareAndSet(
    key: K,
    expected: V | undefined,
    value: V | undefined,
    options?: RedisTtlOptions,
  ): Promise<boolean> {
    const [from, to] = [expected, value].map((each) => (each === undefined ? none : present(bytesOf(each))));
    const reply = await this.#run(swap, [keyOf(key), from as Buffer, to as Buffer, this.#lasts(options), '0']);
    return reply[0] === 1;
  }

  /** Sets the entry to expire `ttl` ms from now, by default the map's own; returns `false` if there is no entry. */
  async touch(key: K, options?: RedisTtlOptions): Promise<boolean> {
    return (await this.#run(touch, [keyOf(key), this.#lasts(options)]))[0] === 1;
  }

  /** The entries, in no particular order. One that is there all the time comes exactly once. */
  async *entries(): AsyncGenerator<[K, V], void, undefined> {
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [next, ...fields] = (await this.#run(scan, [cursor])) as Buffer[];
      cursor = String(next);
      for (let i = 0; i < fields.length; i += 2) {
        const [field, value] = fields.slice(i, i + 2) as [Buffer, Buffer];
        const mark = field.toString('latin1');
        if (seen.has(mark)) continue;
        seen.add(mark);
        yield [decode(field) as K, decode(value) as V];
      }
    } while (cursor !== '0');
  }

  /** The keys; see {@link entries}. */
  async *keys(): AsyncGenerator<K, void, undefined> {
    for await (const [key] of this.entries()) yield key;
  }

  /** The values; see {@link entries}. */
  async *values(): AsyncGenerator<V, void, undefined> {
    for await (const [, value] of this.entries()) yield value;
  }

  /** Calls back for each entry; see {@link entries}. */
  async forEach(callback: (value: V, key: K, map: this) => void, thisArg?: unknown): Promise<void> {
    if (typeof callback !== 'function') throw unexpected('callback', 'a function', callback);
    for await (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  /** As {@link entries}. */
  [Symbol.asyncIterator](): AsyncGenerator<[K, V], void, undefined> {
    return this.entries();
  }

  /** @internal */
  protected override closing(_error: ClosedError): void {}

  #lasts(options: RedisTtlOptions | undefined): Argument {
    ttlOptions.check(options, this.kind);
    const ttl = options?.ttl === undefined ? this.#ttl : options.ttl;
    return ttl === null || ttl === Infinity ? 'always' : ttl;
  }

  async #run(script: Script, args: readonly Argument[]): Promise<unknown[]> {
    this.checkOpen();
    const keys = ['ops', 'state', 'expiry'].map((part) => this.key(part));
    return (await this.link.run(script, keys, args)) as unknown[];
  }
}

function keyOf(key: unknown): Buffer {
  const bytes = key instanceof Uint8Array ? Buffer.from(key.buffer, key.byteOffset, key.length) : key;
  if (!Buffer.isBuffer(bytes) && !['string', 'number', 'bigint'].includes(typeof bytes)) {
    throw new TypeError(`Expected a key to be a string, a number, a bigint or bytes, got ${describe(key)}`);
  }
  const encoded = encode(Object.is(bytes, -0) ? 0 : bytes, 'key');
  if (encoded.length > 1030) throw new RangeError('Expected a key to be at most 1 KiB long');
  return encoded;
}

function bytesOf(value: unknown): Buffer {
  if (value === undefined) throw new TypeError('Expected a value, got undefined: delete(key) removes the entry');
  return encode(value);
}

function present(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('1'), bytes]);
}
