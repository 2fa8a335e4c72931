/** Writes random words to the memory of maps, and calls all methods. `ROUNDS SEED`; sends what came of it. */
import { SharedMap } from 'multiproc';

const internals = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { MapCore, mapLayout, BlockKind, obtainMap } = internals;
const { shardsAt, shardWords, EntryWord } = mapLayout;

const [rounds = '', seed = ''] = process.argv.slice(2);
let state = Number(seed);
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};
const below = (n: number) => Math.floor(random() * n);

const result = { errors: 0, values: 0, longestMs: 0, failed: undefined as string | undefined };
const kinds: Record<string, number> = {};

for (let round = 0; round < Number(rounds) && result.failed === undefined; round++) {
  const evicts = random() < 0.7;
  const shape = { capacity: 1 << 20, maxEntries: random() < 0.3 ? 50 : 0, ttl: 0, points: 0, evicts };
  const block = obtainMap('create', BlockKind.sharedMap, shape, {}, undefined);
  const memory = new Int32Array(block.segment.buffer(0, block.segment.size));
  const map = new (SharedMap as unknown as new (block: object) => SharedMap)(block);
  try {
    fill(map);
  } catch (error) {
    // Where nothing is evicted, a map of 50 entries is full.
    if ((error as { code?: string }).code !== 'ERR_MULTIPROC_FULL') throw error;
  }
  const core = new MapCore(block);
  for (let i = 1 + below(6); i > 0; i--) damage(memory, core);
  const methods: (() => unknown)[] = [
    () => map.get(key()),
    () => map.set(key(), value()),
    () => map.set(key(), value(), { ttl: 1 }),
    () => map.delete(key()),
    () => map.has(key()),
    () => map.add(`n ${below(5)}`),
    () => map.update(key(), (old) => old ?? 1),
    () => map.compareAndSet(key(), value() as never, value() as never),
    () => map.touch(key()),
    () => map.size + map.stats().entries,
    () => [...map].length,
  ];
  for (let i = 0; i < 60; i++) {
    const method = methods[below(methods.length)] as () => unknown;
    timed(method);
    if (random() < 0.1) damage(memory, core);
  }
  // What is damaged on purpose is whole again.
  timed(() => map.clear());
  attempt(() => {
    map.clear();
    map.set('after', { all: 'is well' });
    if (JSON.stringify(map.get('after')) !== '{"all":"is well"}') throw new Error('clear() did not make the map whole');
  }, true);
  map.close();
}
process.send?.({ ...result, kinds });

function timed(act: () => unknown): void {
  const start = performance.now();
  attempt(act, false);
  const took = performance.now() - start;
  result.longestMs = Math.max(result.longestMs, took);
  if (took > 20_000) result.failed = `a call took ${took} ms`;
}

function attempt(act: () => unknown, must: boolean): void {
  try {
    act();
    result.values++;
  } catch (error) {
    const { code, message, name } = error as { code?: string; message: string; name: string };
    kinds[code ?? name] = (kinds[code ?? name] ?? 0) + 1;
    result.errors++;
    const known = code?.startsWith('ERR_MULTIPROC_') || (name === 'TypeError' && /to be a number/.test(message));
    // V8's own for a structured clone that is none.
    const ofV8 = /deserialize|Unable to|buffer|version/i.test(message) && !/undefined|not a function/.test(message);
    if (must || !(known || ofV8)) result.failed ??= String((error as Error).stack);
  }
}

function fill(map: SharedMap): void {
  for (let i = 0; i < 120; i++) map.set(`key ${i}`, value());
  for (let i = 0; i < 5; i++) map.set(`n ${i}`, i);
  map.set('large', Buffer.alloc(100_000, 'x'));
  if (random() < 0.5) for (let i = 0; i < 200; i++) map.set(`key ${i}`, i, { ttl: 1 + below(1000) });
}

function key(): string {
  return random() < 0.1 ? 'large' : `key ${below(200)}`;
}

function value(): unknown {
  const which = random();
  if (which < 0.3) return 'x'.repeat(below(300));
  if (which < 0.5) return { a: below(9), b: ['y'.repeat(below(50))] };
  if (which < 0.6) return /regular/g;
  if (which < 0.7) return below(1000);
  return Buffer.alloc(below(which < 0.95 ? 500 : 20_000));
}

/** Sets a word that is in use. */
function damage(memory: Int32Array, core: { memory: { regions: number } }): void {
  const which = random();
  const page = 256 + 5 + below(60);
  let word: number;
  if (which < 0.1) word = 320 / 4 + 16 + below(5);
  else if (which < 0.15) word = 320 / 4;
  else if (which < 0.4) word = shardsAt + below(2 * shardWords);
  else if (which < 0.65) word = (256 << 10) + (page & 255) * 4 + below(4);
  else word = (page << 10) + below(64) * 16 + below(EntryWord.key + 4);
  if (core.memory.regions < 1 || word >= memory.length) return;
  const kind = random();
  if (kind < 0.3) memory[word] = below(2 ** 32);
  else if (kind < 0.6) memory[word] = below(0x20000);
  else if (kind < 0.8) memory[word] = (memory[word] as number) + below(5) - 2;
  else memory[word] = memory[below(0x80000) % memory.length] as number;
}
