/**
 * Forks users of a map and kills them at random moments; needs `node --single-threaded`. `NAME KILLS SEED EVICTION`; prints one
 * line of JSON with the books.
 *
 * Each key belongs to one place of the crew. Before a writer sets a key, it notes the number that it is about to set, and afterwards
 * that it did: so of each key it is known what it must hold, but for the one that was being set.
 */
import { SharedArray, SharedMap } from 'multiproc';
import { exit, fork, waitpid } from 'multiproc/posix';

const internals = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { MapCore, mend, mapLayout, absent } = internals;

const [name = '', kills = '', seed = '', eviction = ''] = process.argv.slice(2);
const crew = 3;
const keys = 200;
const options = {
  name: `${name}map`,
  capacity: eviction === 'none' ? 32 << 20 : 1 << 20,
  eviction: eviction as 'none' | 'lru',
};
const map = new SharedMap<string, unknown>(options);
/** For each key what is being set, and what was set. 0: nothing; negative: deleted. */
const begun = new SharedArray('i', crew * keys, { name: `${name}begun`, lock: false }) as unknown as Int32Array;
const done = new SharedArray('i', crew * keys, { name: `${name}done`, lock: false }) as unknown as Int32Array;
/** Progress of the crew, and additions that were made. */
const state = new SharedArray('i', 8, { name: `${name}state`, lock: false }) as unknown as Int32Array;
let random = Number(seed);
let torn = 0;
let lost = 0;

interface Child {
  pid: number;
  place: number;
}

const children: Child[] = Array.from({ length: crew }, (_, place) => start(place));
for (let kill = 0; kill < Number(kills); kill++) {
  const place = Math.floor(next() * crew);
  const { pid } = children[place] as Child;
  pause(next() * 4);
  process.kill(pid, 'SIGKILL');
  const { exitCode } = waitpid(pid) ?? {};
  if (typeof exitCode === 'number') finish({ failed: `a user ended with ${exitCode}` });
  const before = Atomics.load(state, 0);
  const deadline = performance.now() + 30_000;
  children[place] = start(place);
  while (Atomics.load(state, 0) === before) {
    pause(0.2);
    if (performance.now() > deadline) finish({ failed: 'nobody got on for 30 seconds' });
  }
}
for (const { pid } of children) {
  process.kill(pid, 'SIGKILL');
  waitpid(pid);
}
for (let place = 0; place < crew; place++) for (let i = 0; i < keys; i++) check(place, i);
finish({ torn, lost, leaked: leaked(), writes: Atomics.load(state, 0), evictions: map.stats().evictions });

function start(place: number): Child {
  const pid = fork();
  if (pid !== 0) return { pid, place };
  try {
    for (let i = 0; i < keys; i++) check(place, i);
    if (torn + lost > 0) exit(9);
    for (let n = Math.floor(next() * 1000); ; n++) work(place, Math.floor(next() * keys), n);
  } catch (error) {
    console.error(error);
    exit(7);
  }
}

function work(place: number, i: number, n: number): void {
  const at = place * keys + i;
  const key = `${place} ${i}`;
  const last = Math.max(Math.abs(done[at] as number), Math.abs(begun[at] as number));
  const which = n % 10;
  // What others write: whole, or not there.
  const other = `${(place + 1) % crew} ${i}`;
  const value = map.get(other);
  if (value !== undefined && numberOf(other, value) === 0) exit(8);
  if (which === 7) {
    map.add('sum', 1);
  } else if (which === 8) {
    map.set(`short ${key}`, key, { ttl: 1 });
  } else if (which === 9 && n % 400 === 9) {
    for (const [key, value] of map) if (/^\d/.test(key) && numberOf(key, value) === 0) exit(8);
  } else {
    const number = last + 1;
    Atomics.store(begun, at, which === 0 ? -number : number);
    if (which === 0) map.delete(key);
    else if (which === 1) map.update(key, () => valueFor(key, number));
    else if (which === 2) map.compareAndSet(key, map.get(key), valueFor(key, number));
    else map.set(key, valueFor(key, number));
    Atomics.store(done, at, which === 0 ? -number : number);
  }
  Atomics.add(state, 0, 1);
}

function valueFor(key: string, number: number): unknown {
  const text = `${key}:${number};`;
  if (number % 4 === 0) return text.repeat(1 + (number % 100));
  if (number % 4 === 1) return { key, number, texts: [text, text.repeat(number % 50)] };
  return Buffer.alloc(20 + ((number * 97) % (number % 4 === 2 ? 400 : 9000)), text);
}

/** The number for which the value was made; 0 if it is torn. */
function numberOf(key: string, value: unknown): number {
  const number =
    typeof value === 'object' && value !== null && 'number' in value
      ? Number(value.number)
      : Number(/:(\d+)/.exec(Buffer.isBuffer(value) ? value.toString('latin1', 0, 30) : String(value))?.[1] ?? 0);
  return JSON.stringify(valueFor(key, number)) === JSON.stringify(value) ? number : 0;
}

function check(place: number, i: number): void {
  const at = place * keys + i;
  const key = `${place} ${i}`;
  const value = map.get(key);
  const was = done[at] as number;
  const maybe = begun[at] as number;
  if (value === undefined) {
    const mayBeGone = eviction === 'lru' || was <= 0 || maybe < 0;
    if (!mayBeGone) lost++;
  } else {
    const number = numberOf(key, value);
    if (number === 0) torn++;
    else if (number !== was && number !== maybe) lost++;
  }
  // From here on what is there counts.
  Atomics.store(done, at, value === undefined ? -Math.max(Math.abs(was), Math.abs(maybe)) : numberOf(key, value));
  if (value !== undefined) Atomics.store(begun, at, done[at] as number);
}

/** Pages and blocks that neither an entry has nor are free. */
function leaked(): number {
  const block = (map as unknown as Record<symbol, () => object>)[blockOf()]?.();
  const core = new MapCore(block);
  const { memory } = core;
  const used = () => {
    let all = memory.words[mapLayout.MapWord.usedPages] as number;
    for (let i = 0; i < memory.shards; i++) {
      const at = memory.shardAt(i);
      for (const word of ['entries', 'units', 'pages'])
        all += 7 * (memory.words[at + mapLayout.ShardWord[word]] as number);
    }
    return all;
  };
  // Takes the locks of the dead, which mends what they left.
  for (let i = 0; i < 2000; i++)
    if (core.get(`probe ${i}`, false) !== absent) throw new Error('a key that was never set is there');
  for (let i = 0; i < 2000; i++) core.delete(`probe ${i}`);
  for (let i = 0; i < memory.shards; i++) core.blocks.giveEmpty(i);
  const before = used();
  for (let i = 0; i < memory.shards; i++) mend(core, i);
  core.pages.recount();
  return before - used();
}

function blockOf(): symbol {
  const prototype = Object.getOwnPropertySymbols(SharedMap.prototype);
  return prototype.find((symbol) => symbol.description === 'multiproc.blockOf') as symbol;
}

function finish(result: object): never {
  for (const { pid } of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
  map.close();
  process.exit();
}

/** Milliseconds, on this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** 0 … 1, the same for the same seed. */
function next(): number {
  random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
  return random / 0x80000000;
}
