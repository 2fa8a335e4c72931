/**
 * A ring whose users are cut off before any of their stores, as SIGKILL does it, and whose other users go on: whatever the
 * state that is left, each message that was committed comes out once, whole and in order.
 *
 * In a joinable queue that redelivers, what a consumer had that was cut off comes out again, until it is acknowledged.
 *
 * Every store to the ring's words goes through a proxy that counts. Cutting a user off leaves its lock with a dead owner.
 * At any store, a user of the other end may do its work. MULTIPROC_RING_ROUNDS sets how many calls there are (default
 * 60000 for each kind of ring), MULTIPROC_RING_SEED repeats a run.
 */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);
t.setTimeout(300_000);

const internals = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { Ring, obtainRing, nothing, busy, Put, BlockKind, layout, native, TargetKind, participant } = internals;
const { finish, mostUnits } = internals;

const rounds = Number(process.env.MULTIPROC_RING_ROUNDS ?? 30_000);
const seed = Number(process.env.MULTIPROC_RING_SEED ?? Date.now() % 1e9);

// Words of the ring; see native/sync/ring.h.
const getEnd = 16;
const position = 1;
const table = 48;
const wordNames = [
  'lock',
  'position',
  'count',
  'seen',
  '',
  'next position',
  'next count',
  'moving',
  'taker',
  '',
  'acknowledging',
];
/** Of the messages that are kept; see src/messaging/deliveries.ts. */
const blocks = 17 * 1024;
const journal = blocks + 16;

interface Sent {
  readonly value: unknown;
  readonly order: number;
}

class Cut extends Error {}

const realAtomics = globalThis.Atomics;
const counted = new Map<object, { real: Int32Array; user: User }>();
/** Whose memory it is, behind the words. */
let users = new WeakMap<object, User>();

/** Somebody with the ring open, in this process, who can be cut off. */
class User {
  readonly ring: InstanceType<typeof Ring>;
  /** Stores until it is cut off. */
  left = Infinity;
  dead = false;
  /** Called before a store of the call that is under way. */
  between: (() => void) | undefined;
  /** What it is about to put, and what the last call took. */
  putting: unknown;
  took: Sent | undefined;
  acknowledging = false;
  acknowledged = false;

  constructor(readonly rig: Rig) {
    const { segment, body, kind, length, flags } = rig.block;
    const words = new Proxy(segment.words as Int32Array, {
      get: (real, key) => real[key as unknown as number],
      set: (real, key, value) => {
        this.step(Number(key));
        real[key as unknown as number] = value;
        return true;
      },
    });
    counted.set(words, { real: segment.words, user: this });
    const buffer = (offset: number, size: number) => {
      const memory = segment.buffer(offset, size);
      users.set(memory, this);
      return memory;
    };
    const detach = () => {};
    const { id, size, fileName } = segment;
    this.ring = new Ring({ segment: { id, size, fileName, buffer, detach, words }, body, kind, length, flags });
  }

  step(word: number): void {
    const { between } = this;
    this.between = undefined;
    between?.();
    if (!this.dead && --this.left > 0) return;
    if (!this.dead) this.rig.cuts.add(this.rig.nameOf(word));
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
    if (found === undefined) {
      if (name !== 'load') users.get(words.buffer)?.step(-1);
      return real(words, index, ...rest);
    }
    if (name !== 'load') found.user.step(index);
    const result = real(found.real, index, ...rest);
    if (name === 'store') found.user.rig.stored(found.user, index);
    return result;
  };
}

/** A ring, its users, and what must be in it. */
class Rig {
  readonly block;
  readonly at: number;
  readonly words: Int32Array;
  readonly blocks: ArrayBuffer;
  readonly users: User[];
  readonly expected: Sent[] = [];
  /** What consumers had that were cut off before they acknowledged it. */
  readonly returned: Sent[] = [];
  number = 0;
  order = 0;
  depth = 0;

  constructor(
    readonly kind: number,
    readonly maxsize: number,
    readonly random: () => number,
    readonly cuts: Set<string>,
    readonly redeliver: boolean,
  ) {
    this.block = obtainRing('create', kind, { maxsize, capacity: 8_000_000, chains: true, redeliver });
    this.at = (this.block.body + layout.ringOffset) / 4;
    this.words = this.block.segment.words;
    const { segment } = this.block;
    const size = (this.words[blocks] as number) * 4096;
    this.blocks = redeliver ? segment.buffer(segment.size - size, size) : new ArrayBuffer(0);
    this.users = Array.from({ length: 4 }, () => new User(this));
  }

  nameOf(word: number): string {
    if (word < 0) return 'block';
    const i = word - this.at;
    if (word >= blocks && word < blocks + 48) return 'kept';
    if (i < 0 || i >= table + 2 * layout.ringExtents) return 'entry';
    if (i >= table) return (i - table) % 2 === 0 ? 'used' : 'reserved';
    if (i >= 32) return `facts ${i - 32}`;
    return `${i < getEnd ? 'put' : 'get'} ${wordNames[i % getEnd] ?? i % getEnd}`;
  }

  /** The two stores that count. */
  stored(user: User, word: number): void {
    if (word === this.at + position) this.expected.push({ value: user.putting, order: this.order++ });
    if (word === this.at + getEnd + position) user.took = this.expected.shift();
    if (word === journal && (this.words[word] as number) > 0 && user.acknowledging) user.acknowledged = true;
  }

  /** One call, which may be cut off, and in whose midst somebody at the other end may do something. */
  call(puts: boolean, busyUser?: User): void {
    const others = this.users.filter((user) => user !== busyUser);
    const user = others[Math.floor(this.random() * others.length)] as User;
    user.dead = false;
    user.left = this.random() < 0.4 ? 1 + Math.floor(this.random() * (this.redeliver ? 48 : 16)) : Infinity;
    const free = [this.at, this.at + getEnd].filter((lock) => ((this.words[lock] as number) & layout.ownerMask) !== me);
    let disturbed = this.depth > 0;
    if (this.depth === 0 && this.random() < 0.5) {
      let wait = Math.floor(this.random() * 12);
      const between = () => {
        if (wait-- > 0) {
          user.between = between;
          return;
        }
        disturbed = true;
        this.depth++;
        const calls = 1 + Math.floor(this.random() * 3);
        for (let i = 0; i < calls; i++) this.call(!puts, user);
        this.depth--;
      };
      user.between = between;
    }
    try {
      if (puts) this.put(user, disturbed);
      else this.get(user, () => disturbed);
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      // A producer mends the other end, too. What was held before is held by the call in whose midst this one is.
      for (const lock of free) this.bury(lock);
      if (this.redeliver && !puts) this.buryConsumer(user);
    }
    user.between = undefined;
    user.left = Infinity;
    user.dead = false;
    if (this.depth === 0) this.checkTold();
  }

  /** Whoever sleeps until there is something to take goes on, if there is something. */
  checkTold(): void {
    if (this.expected.length === 0) return;
    const { segment, body } = this.block;
    if (native.ringWait(TargetKind.ringItems, segment.id, body, 0, 0, false) !== 0) return;
    throw new Error(`nobody is told of ${this.expected.length} messages`);
  }

  /** What it had, it no longer has. All others acknowledge at once, so that whatever has an owner is its. */
  buryConsumer(user: User): void {
    // A change that is to be finished by the next owner of the lock gives the message to the dead one.
    const last = journal + 2 * Math.abs(this.words[journal] as number);
    if (this.words[journal] !== 0 && this.words[last] === me) this.words[last] = deadOne;
    const top = this.words[blocks + 2] as number;
    const memory = new Int32Array(this.blocks);
    for (let block = 0; block < top; block += memory[block * 2] as number) {
      if (memory[block * 2 + 1] === me) memory[block * 2 + 1] = deadOne;
    }
    if (user.took !== undefined && !user.acknowledged) this.returned.push(user.took);
    user.ring.gets.openHere.clear();
  }

  put(user: User, disturbed: boolean): void {
    const value = this.value();
    user.putting = value;
    const empty = this.expected.length === 0 && !disturbed;
    const outcome = user.ring.puts.tryPut(value, mostUnits(value), 0);
    if (empty && outcome !== Put.done) throw new Error(`an empty ring refuses a message: ${outcome}`);
    if (this.maxsize !== 0 && this.expected.length > this.maxsize) throw new Error('more than maxsize messages');
  }

  get(user: User, disturbed: () => boolean): void {
    const empty = this.expected.length === 0;
    user.took = undefined;
    user.acknowledging = false;
    user.acknowledged = false;
    const value = finish(user.ring.gets.take(0));
    if (value === busy) {
      if (this.depth === 0) throw new Error('nobody holds the lock');
      return;
    }
    if (value === nothing) {
      if (!empty && !disturbed()) throw new Error('a ring with messages says that it has none');
      return;
    }
    const taken = user.took ?? this.returned.find((one) => isSame(value, one.value));
    if (taken === undefined || !isSame(value, taken.value)) {
      throw new Error(`got ${describe(value)} instead of ${describe(taken?.value)}`);
    }
    if (user.took === undefined) this.returned.splice(this.returned.indexOf(taken), 1);
    user.took = taken;
    if (!this.redeliver) return;
    user.acknowledging = true;
    const [delivery] = user.ring.gets.openHere;
    if (delivery?.settle({ form: 'done' }) !== 0) throw new Error('a message that was taken cannot be acknowledged');
  }

  /** Somebody looks for consumers that have died, and may be cut off, too. */
  look(): void {
    const user = this.users[1] as User;
    user.dead = false;
    user.left = this.random() < 0.4 ? 1 + Math.floor(this.random() * 6) : Infinity;
    try {
      user.ring.look();
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      this.bury(this.at + getEnd);
    }
    user.left = Infinity;
    user.dead = false;
  }

  /** The lock of one that was cut off. */
  bury(lock: number): void {
    const word = this.words[lock] as number;
    if ((word & layout.ownerMask) !== me) return;
    realAtomics.store(this.words, lock, (word & ~layout.ownerMask) | deadOne);
  }

  value(): unknown {
    const i = this.number++;
    const which = this.random();
    if (which < 0.3) return i;
    const text = `${i};`;
    if (which < 0.5) return text.repeat(1 + (i % 40));
    const most = which < 0.9 ? 6000 : which < 0.97 ? 40_000 : which < 0.995 ? 200_000 : 2_000_000;
    return Buffer.alloc(Math.floor(this.random() * most), text);
  }

  /** Everybody is well: what is there comes out, and no extent but that of the tail is in use. */
  settle(): void {
    const user = this.users[0] as User;
    for (;;) {
      this.get(user, () => false);
      if (user.took === undefined) break;
    }
    if (this.returned.length > 0) throw new Error(`${this.returned.length} messages did not come again`);
    if (this.redeliver && !user.ring.allDone) throw new Error('messages are said not to be acknowledged');
    user.putting = 'last';
    if (user.ring.puts.tryPut('last', mostUnits('last'), 0) !== Put.done)
      throw new Error('an empty ring refuses a message');
    this.get(user, () => false);
    if (user.ring.length !== 0) throw new Error(`an empty ring says that ${user.ring.length} messages are in it`);
    let inUse = 0;
    for (let i = 0; i < layout.ringExtents; i++) if (this.words[this.at + table + 2 * i] !== 0) inUse++;
    if (inUse !== 1) throw new Error(`${inUse} extents are in use though only one has a record`);
  }
}

function isSame(value: unknown, other: unknown): boolean {
  return Buffer.isBuffer(value) ? Buffer.isBuffer(other) && value.equals(other) : value === other;
}

function describe(value: unknown): string {
  return Buffer.isBuffer(value)
    ? `Buffer ${value.length} ${value.toString('latin1', 0, 12)}`
    : String(value).slice(0, 40);
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

for (const [kind, maxsize, how] of [
  [BlockKind.queue, 0],
  [BlockKind.queue, 40],
  [BlockKind.joinableQueue, 0],
  [BlockKind.joinableQueue, 40, 'redeliver'],
] as const) {
  t.test(`users are cut off, kind ${kind}, maxsize ${maxsize}, ${how ?? ''}`, (t) => {
    t.comment(`seed ${seed}`);
    t.ok(native.isDead(deadOne));
    const random = randomFrom(seed);
    const cuts = new Set<string>();
    const must = ['lock', 'position', 'count', 'seen', 'next position', 'next count', 'moving'];
    const everywhere = ['used', 'reserved', ...must.flatMap((word) => [`put ${word}`, `get ${word}`])];
    if (how !== undefined) everywhere.push('block', 'kept');
    // Some words change so rarely that it may take longer. Each round of the last kind is an acknowledgement, too.
    const least = rounds / (how === undefined ? 1 : 4);
    const most = least + 1_000_000;
    globalThis.Atomics = atomics as unknown as typeof Atomics;
    try {
      const isDone = (round: number) => round >= most || (round >= least && everywhere.every((word) => cuts.has(word)));
      for (let round = 0; !isDone(round); ) {
        const rig = new Rig(kind, maxsize, random, cuts, how === 'redeliver');
        // Rushes of producers and of consumers by turns, so that the ring wraps, grows, and goes home.
        for (let rush = 0; rush < 5; rush++) {
          const share = 0.2 + 0.6 * random();
          for (let n = Math.floor(random() * 200); n >= 0; n--, round++) {
            rig.call(random() < share);
            if (rig.redeliver && random() < 0.2) rig.look();
          }
          if (random() < 0.5) rig.settle();
        }
        rig.settle();
        for (const user of rig.users) user.ring.close();
        rig.block.release();
        counted.clear();
        users = new WeakMap();
      }
    } finally {
      globalThis.Atomics = realAtomics;
    }
    for (const word of everywhere) t.ok(cuts.has(word), `somebody was cut off before a store to: ${word}`);
    t.end();
  });
}
