/**
 * A map whose users are cut off before any of their stores, as SIGKILL does it, and whose other users go on: each entry is old
 * or new and whole, none is lost, and the books of the memory balance: what the links reach and what is free is all.
 *
 * Every store to the map's words goes through a proxy that counts. Cutting a user off leaves its locks with a dead owner.
 * MULTIPROC_MAP_CUTS sets how many calls there are (default 1500 for each kind of map), MULTIPROC_MAP_SEED repeats a run.
 */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);
t.setTimeout(600_000);

const internals = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { absent, BlockKind, layout, MapCore, mapLayout, mend, native, obtainMap, participant } = internals;
const { MapWord, ShardWord, shardsAt, shardWords, PageWord, EntryWord } = mapLayout;

const rounds = Number(process.env.MULTIPROC_MAP_CUTS ?? 1500);
const seed = Number(process.env.MULTIPROC_MAP_SEED ?? Date.now() % 1e9);

class Cut extends Error {}

const realAtomics = globalThis.Atomics;
const counted = new Map<object, { real: Int32Array; user: User }>();

/** Somebody with the map open, in this process, who can be cut off. */
class User {
  readonly core: InstanceType<typeof MapCore>;
  /** Stores until it is cut off. */
  left = Infinity;
  dead = false;
  stores = 0;

  constructor(
    readonly rig: Rig,
    block: object,
  ) {
    this.core = new MapCore(block, (buffer: ArrayBuffer) => {
      const real = new Int32Array(buffer);
      const doubles = new Float64Array(buffer);
      const words = this.#watch(real, (i) => i);
      counted.set(words, { real, user: this });
      return { words, doubles: this.#watch(doubles, (i) => i * 2) };
    });
  }

  #watch<T extends Int32Array | Float64Array>(real: T, wordOf: (index: number) => number): T {
    const fill = (value: number, from: number, to: number) => {
      this.step(from);
      real.fill(value, from, to);
    };
    return new Proxy(real, {
      get: (_, key) => (key === 'fill' ? fill : real[key as unknown as number]),
      set: (_, key, value) => {
        this.step(wordOf(Number(key)));
        real[key as unknown as number] = value;
        return true;
      },
    });
  }

  step(word: number): void {
    this.stores++;
    if (!this.dead && --this.left > 0) return;
    if (!this.dead) this.rig.cuts.add(nameOf(word));
    this.dead = true;
    throw new Cut();
  }
}

/** Atomics that know the proxies. */
const atomics: Record<string, unknown> = {};
for (const name of ['load', 'store', 'compareExchange', 'exchange', 'or', 'add'] as const) {
  const real = realAtomics[name] as (...args: unknown[]) => number;
  atomics[name] = (words: Int32Array, index: number, ...rest: number[]) => {
    const found = counted.get(words);
    if (found === undefined) return real(words, index, ...rest);
    if (name !== 'load') found.user.step(index);
    return real(found.real, index, ...rest);
  };
}

const shardNames = new Map(Object.entries(ShardWord as Record<string, number>).map(([name, word]) => [word, name]));
const entryNames = new Map(Object.entries(EntryWord as Record<string, number>).map(([name, word]) => [word, name]));

function nameOf(word: number): string {
  if (word < shardsAt) {
    const [name] = Object.entries(MapWord as Record<string, number>).find(([, at]) => at === word) ?? [`head ${word}`];
    return `head ${name}`;
  }
  if (word < shardsAt + 256 * shardWords) {
    const inside = (word - shardsAt) % shardWords;
    if (inside >= 64) return 'bucket';
    return inside >= ShardWord.partial ? 'shard partial' : `shard ${shardNames.get(inside)}`;
  }
  const page = (word >> 10) & 255;
  if (page === 0) return `page ${Object.keys(PageWord)[word & 3]}`;
  return `entry ${entryNames.get(word & 15) ?? ''}`;
}

/** A map, its users, and what must be in it. */
class Rig {
  readonly block;
  readonly words: Int32Array;
  readonly users: User[];
  readonly model = new Map<string, unknown>();
  number = 0;
  full = 0;

  constructor(
    readonly evicts: boolean,
    capacity: number,
    maxEntries: number,
    readonly random: () => number,
    readonly cuts: Set<string>,
  ) {
    const shape = { capacity, maxEntries, ttl: 0, points: 0, evicts };
    this.block = obtainMap('create', BlockKind.sharedMap, shape, {}, undefined);
    this.words = new Int32Array(this.block.segment.buffer(0, this.block.segment.size));
    this.users = Array.from({ length: 3 }, () => new User(this, this.block));
  }

  /** One call, which may be cut off. */
  call(): void {
    const user = this.users[Math.floor(this.random() * this.users.length)] as User;
    const key = `key ${Math.floor(this.random() * 60)}`;
    const which = this.random();
    user.dead = false;
    user.left = this.random() < 0.5 ? 1 + Math.floor(this.random() ** 2 * 60) : Infinity;
    let next: unknown = absent;
    let isWrite = true;
    try {
      if (which < 0.45) {
        next = this.value();
        user.core.set(key, next, 0);
      } else if (which < 0.6) {
        user.core.delete(key);
      } else if (which < 0.7) {
        // What was evicted begins anew.
        const before = this.peek(`n ${key}`);
        next = typeof before === 'number' ? before + 3 : 3;
        this.number++;
        this.checked(user, `n ${key}`, next, () => user.core.add(`n ${key}`, 3, 0));
        return;
      } else if (which < 0.78) {
        next = this.value();
        const before = this.peek(key);
        this.checked(user, key, next, () => user.core.compareAndSet(key, before, next, 0));
        return;
      } else if (which < 0.82) {
        isWrite = false;
        user.core.touch(key, this.random() < 0.5 ? 0 : 1e9);
      } else if (which < 0.88) {
        // These expire, and are met or not.
        isWrite = false;
        user.core.set(`e ${key}`, `e ${key}`.repeat(20), 1);
        const value = user.core.get(`e ${key}`);
        if (value !== absent && value !== `e ${key}`.repeat(20)) throw new Error('what expires is torn');
      } else if (which < 0.884) {
        isWrite = false;
        user.core.clear();
        this.model.clear();
      } else if (which < 0.92) {
        isWrite = false;
        user.core.spend(`s ${key}`, 1, 1000);
      } else {
        isWrite = false;
        this.check(user.core.get(key), key, this.model.get(key));
      }
      if (isWrite) this.agreed(key, next);
    } catch (error) {
      if (error instanceof Error && error.name === 'Full') this.full++;
      else if (!(error instanceof Cut)) throw error;
      this.after(user, isWrite ? key : undefined, next);
      if (which >= 0.88 && which < 0.884) this.halfCleared();
    } finally {
      user.dead = false;
      user.left = Infinity;
    }
  }

  /** The value by a user that is well, compared with what it must be. */
  peek(key: string): unknown {
    const { core } = (this.users.find((user) => user.left === Infinity) ?? this.users[0]) as User;
    const value = core.get(key, false);
    this.check(value, key, this.model.get(key));
    return value;
  }

  /** Of a map that was being cleared some entries are there, and those are whole. */
  halfCleared(): void {
    const { core } = this.users[0] as User;
    for (const [key, expected] of [...this.model]) {
      const value = core.get(key);
      if (value === absent) this.model.delete(key);
      else this.check(value, key, expected);
    }
  }

  checked(user: User, key: string, next: unknown, act: () => unknown): void {
    try {
      act();
      this.agreed(key, next);
    } catch (error) {
      if (error instanceof Error && error.name === 'Full') this.full++;
      else if (!(error instanceof Cut)) throw error;
      this.after(user, key, next);
    }
  }

  agreed(key: string, next: unknown): void {
    if (next === absent) this.model.delete(key);
    else this.model.set(key, next);
  }

  /** A user was cut off: the entry is the old or the new one. */
  after(user: User, key: string | undefined, next: unknown): void {
    user.dead = false;
    user.left = Infinity;
    this.bury();
    if (key === undefined) return;
    const other = this.users.find((each) => each !== user) as User;
    const value = other.core.get(key);
    const before = this.model.has(key) ? this.model.get(key) : absent;
    const isOld = isSame(value, before);
    if (!isOld && !isSame(value, next) && !(this.evicts && value === absent)) {
      throw new Error(
        `after a cut ${key} is ${describe(value)}, which was ${describe(before)}, to be ${describe(next)}`,
      );
    }
    this.agreed(key, value);
  }

  /** Locks of one that was cut off. */
  bury(): void {
    const locks = [MapWord.pageLock];
    for (let i = 0; i < 1 << (this.words[MapWord.shardBits] as number); i++) locks.push(shardsAt + i * shardWords);
    for (const lock of locks) {
      const word = this.words[lock] as number;
      if ((word & layout.ownerMask) !== me) continue;
      realAtomics.store(this.words, lock, (word & ~layout.ownerMask) | deadOne);
    }
  }

  check(value: unknown, key: string, expected: unknown): void {
    const wanted = this.model.has(key) ? expected : absent;
    if (isSame(value, wanted)) return;
    if (this.evicts && value === absent) this.model.delete(key);
    else throw new Error(`${key} is ${describe(value)} instead of ${describe(wanted)}`);
  }

  value(): unknown {
    const i = this.number++;
    const which = this.random();
    if (which < 0.1) return i + 0.5;
    const text = `${i};`;
    if (which < 0.6) return text.repeat(1 + (i % 60));
    if (which < 0.8) return { i, text, list: [text, i], more: text.repeat(i % 300) };
    return Buffer.alloc(Math.floor(this.random() * (which < 0.97 ? 6000 : 30_000)), text);
  }

  /** Everybody is well: all entries are there, and the books balance. */
  settle(): void {
    const { core } = this.users[0] as User;
    for (const key of [...this.model.keys()]) this.check(core.get(key), key, this.model.get(key));
    // Takes the locks of the dead.
    for (let i = 0; i < core.memory.shards; i++) {
      const dirty = core.memory.lock(core.memory.shardAt(i));
      if (dirty) {
        mend(core, i);
        core.memory.markMended(core.memory.shardAt(i));
      }
      core.memory.unlock(core.memory.shardAt(i));
    }
    const dirty = core.memory.lock(MapWord.pageLock);
    core.memory.unlock(MapWord.pageLock);
    if (dirty) core.pages.recount();
    // Each class may keep one page without entries.
    for (let i = 0; i < core.memory.shards; i++) core.blocks.giveEmpty(i);
    const before = this.books(core);
    for (let i = 0; i < core.memory.shards; i++) mend(core, i);
    core.pages.recount();
    const after = this.books(core);
    if (before !== after) throw new Error(`the books do not balance:\n${before}\n${after}`);
  }

  books(core: InstanceType<typeof MapCore>): string {
    const shards: string[] = [];
    for (let i = 0; i < core.memory.shards; i++) {
      const at = shardsAt + i * shardWords;
      shards.push(['entries', 'units', 'pages', 'expiring'].map((word) => this.words[at + ShardWord[word]]).join(' '));
    }
    let used = 0;
    for (let region = 1; region <= core.memory.regions; region++) {
      for (let i = 5; i < 256; i++) {
        const page = region * 256 + i;
        if ((core.memory.stateOf(page) & 63) < 27 && core.memory.stateOf(page) > 1) {
          used += (this.words[core.memory.descriptor(page) + PageWord.blocks] as number) >>> 16;
        }
      }
    }
    return `${shards.join(', ')}; blocks ${used}, pages ${this.words[MapWord.usedPages]}, backed ${this.words[MapWord.backedPages]}`;
  }
}

function isSame(value: unknown, other: unknown): boolean {
  if (Buffer.isBuffer(value)) return Buffer.isBuffer(other) && value.equals(other);
  if (typeof value === 'object' && value !== null) return JSON.stringify(value) === JSON.stringify(other);
  return Object.is(value, other);
}

function describe(value: unknown): string {
  if (typeof value === 'symbol') return String(value);
  return Buffer.isBuffer(value)
    ? `Buffer ${value.length} ${value.toString('latin1', 0, 12)}`
    : String(JSON.stringify(value)).slice(0, 60);
}

function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

participant.attach();
const me: number = participant.me;
// The same slot at another time.
const deadOne = (me ^ 0x2000) & layout.ownerMask;

/** Words before whose stores a user has to be cut off at least once. */
const everywhere = [
  'bucket',
  'shard lock',
  'shard sequence',
  'shard entries',
  'head pageLock',
  'page state',
  'page blocks',
];

for (const [evicts, capacity, maxEntries] of [
  [false, 16 << 20, 0],
  [true, 100 << 10, 0],
  [true, 4 << 20, 40],
] as const) {
  t.test(`users are cut off; evicts ${evicts}, capacity ${capacity}, maxEntries ${maxEntries}`, (t) => {
    t.comment(`seed ${seed}`);
    t.ok(native.isDead(deadOne));
    const random = randomFrom(seed);
    const cuts = new Set<string>();
    globalThis.Atomics = atomics as unknown as typeof Atomics;
    let evictions = 0;
    try {
      // Some words are rarely stored to: a seed may need more rounds to come to all of them.
      for (let round = 0; round < rounds || (round < 50 * rounds && !everywhere.every((word) => cuts.has(word))); ) {
        const rig = new Rig(evicts, capacity, maxEntries, random, cuts);
        for (let n = 200 + Math.floor(random() * 400); n >= 0; n--, round++) {
          rig.call();
          if (random() < 0.01) rig.settle();
        }
        rig.settle();
        if (!evicts && rig.full > 0) throw new Error(`${rig.full} times there was no room`);
        for (const user of rig.users) evictions += user.core.evictions;
        rig.block.release();
        counted.clear();
      }
    } finally {
      globalThis.Atomics = realAtomics;
    }
    t.equal(evictions > 0, evicts);
    for (const word of everywhere) t.ok(cuts.has(word), `a user was cut off before a store to: ${word}`);
    t.comment([...cuts].sort().join(', '));
    t.end();
  });
}
