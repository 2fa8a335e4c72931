/** Maps and rate limiters that travel: to children of every start method, threads and tasks of pools, and by name. */
import { getAllStartMethods, getContext, Pool, RateLimiter, SharedMap, ThreadPool } from 'multiproc';
import * as dummy from 'multiproc/dummy';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';

leaveNothing(t);

const module = new URL('../programs/map-targets.js', import.meta.url);
const target = { module, export: 'count' };
const times = 200;

/** Runs `act` twice at the same time, with a map and a limiter, and compares what both did. */
async function shared(
  t: Test,
  act: (map: SharedMap<string, unknown>, limiter: RateLimiter, key: string) => Promise<unknown>,
  name?: string,
): Promise<void> {
  const map = new SharedMap<string, unknown>(name === undefined ? {} : { name });
  const limiter = new RateLimiter({ points: 10, duration: 3_600_000 });
  const remaining = await Promise.all(['one', 'two'].map((key) => act(map, limiter, key)));
  t.strictSame(remaining.sort(), [8, 9], 'one limit for both');
  t.equal(map.get('sum'), 2 * times, 'no addition is lost');
  t.equal((map.get('list') as string[]).length, 3);
  for (const key of ['one', 'two']) t.strictSame(map.get(key), { key, bytes: Buffer.from(key) });
  limiter.close();
  map.close();
}

// This program cannot fork.
for (const method of getAllStartMethods().filter((method) => method !== 'fork')) {
  const { Process } = getContext(method);
  const run = async (target: { module: URL; export: string }, args: unknown[]) => {
    const child = new Process({ target, args });
    child.start();
    return child.result;
  };
  t.test(`${method}: as an argument`, async (t) => {
    await shared(t, (map, limiter, key) => run(target, [map, limiter, key, times]));
  });
  t.test(`${method}: by its name`, async (t) => {
    const name = freshName(t);
    const byName = { module, export: 'countIn' };
    await shared(t, (_, limiter, key) => run(byName, [name, limiter, key, times]), name);
  });
}

t.test('fork: as an argument', async (t) => {
  const parent = program(t, 'map-fork', { execArgv: ['--single-threaded'] });
  t.strictSame(await parent.message(), [[8, 9], 2 * times, ['list', 'one', 'sum', 'two']]);
  t.strictSame(await parent.ended, { code: 0, signal: null });
});

t.test('to threads', async (t) => {
  await shared(t, async (map, limiter, key) => {
    const thread = new dummy.Process({ target, args: [map, limiter, key, times] });
    thread.start();
    return thread.result;
  });
});

t.test('to tasks of pools', async (t) => {
  for (const pool of [new Pool(2), new ThreadPool(2)]) {
    await shared(t, (map, limiter, key) => pool.apply(target, [map, limiter, key, times]));
    pool.close();
    await pool.join();
  }
});
