/** The memory of small anonymous objects: zero when it is theirs, nobody else's while it is, and gone afterwards. */
import { readFileSync } from 'node:fs';
import { deserialize, RawArray, RawValue, serialize, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.before(() => leaveNothing(t));

/** Bytes of shared memory that this process has mapped, the registry of participants aside. */
function mapped(): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) .*\/dev\/shm\/(?!multiproc-r\d)/.exec(line);
    if (range !== null) bytes += Number.parseInt(range[2] as string, 16) - Number.parseInt(range[1] as string, 16);
  }
  return bytes;
}

const seed = Number(process.env.MULTIPROC_TEST_SEED ?? Date.now() % 1e9);
let state = seed;
/** From 0 up to 1. */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** Log-normal, with a median of 1,000. */
function randomSize(): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(Math.round(1000 * Math.exp(normal)), 100_000);
}

t.test(`5,000 arrays of random sizes never share a byte (seed ${seed})`, async (t) => {
  const before = mapped();
  const alive: { array: RawArray<'B'>; mark: number }[] = [];
  let wrong = 0;
  const dropOne = () => {
    const [{ array, mark }] = alive.splice(Math.floor(random() * alive.length), 1) as [(typeof alive)[0]];
    if (!array.every((byte) => byte === mark)) wrong++;
    array.close();
  };
  for (let i = 0; i < 5000; i++) {
    const array = new RawArray('B', randomSize());
    if (!array.every((byte) => byte === 0)) wrong++;
    const mark = 1 + (i % 255);
    array.fill(mark);
    alive.push({ array, mark });
    while (alive.length > 50 * 2 * random() + 1) dropOne();
  }
  while (alive.length > 0) dropOne();
  t.equal(wrong, 0);
  // The newest arena stays for the next object.
  t.ok(mapped() - before <= 4 * 1024 * 1024, `${mapped() - before} bytes are left`);
});

t.test('a hundred thousand values live in 16 MiB', async (t) => {
  const before = mapped();
  const values = Array.from({ length: 100_000 }, (_, i) => new Value('i', i));
  const bytes = mapped() - before;
  t.ok(bytes <= 16 * 1024 * 1024, `${bytes} bytes`);
  t.ok(
    values.every((value, i) => value.value === i),
    'each has its own place',
  );
  for (const value of values) value.close();
  t.ok(mapped() - before <= 4 * 1024 * 1024, `${mapped() - before} bytes are left`);
});

t.test('no size at all is a size', async (t) => {
  const empty = new RawArray('B', 0);
  t.equal(empty.length, 0);
  empty.close();
  empty.close();
});

t.test('the handle of an object that was freed never names another object', async (t) => {
  const first = new RawValue('q', 77);
  const handle = serialize(first);
  (deserialize(handle) as RawValue<'q'>).close();
  first.close();
  const others = Array.from({ length: 1000 }, () => new RawValue('q', 5));
  // Who else has the block is not known here, so it stays what it was for as long as its arena.
  const again = deserialize(handle) as RawValue<'q'>;
  t.equal(again.value, 77n);
  again.value = 78;
  t.ok(others.every((other) => other.value === 5n));
  for (const each of [again, ...others]) each.close();
});

t.test('collected objects give nothing back, and disturb nobody', async (t) => {
  const child = program(t, 'allocations', { args: ['collected'], execArgv: ['--expose-gc'] });
  t.strictSame(await child.message(), { collected: true, wrong: 0 });
  t.strictSame(await child.ended, { code: 0, signal: null });
});

t.test('a forked child frees none of its parent’s memory, and they allocate apart', async (t) => {
  const forking = program(t, 'allocations', { args: ['forked'], execArgv: ['--single-threaded'] });
  t.equal(await forking.line(/child/), 'child: 0 wrong');
  t.equal(await forking.line(/parent/), 'parent: 0 wrong');
  t.strictSame(await forking.ended, { code: 0, signal: null });
});
