/** A pool in a manager's server: whoever has a proxy of it gives it work, and gets results that stay there or come. */
import { existsSync } from 'node:fs';
import { Event, Manager, type PoolProxy, Process, type SyncManager, sweep, WorkerLostError } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';
import { giveWork, whenSet } from '../programs/manager-targets.js';
import {
  closure,
  echo,
  KeyError,
  miss,
  missIfOdd,
  product,
  spin,
  square,
  squareOf,
  who,
} from '../programs/pool-targets.js';

export const sweepAfterwards = true;

t.setTimeout(180_000);
leaveNothing(t);

let manager: SyncManager;
let pool: PoolProxy;
t.before(async () => {
  manager = await Manager();
  pool = await manager.Pool(2);
});

const ten = Array.from({ length: 10 }, (_, i) => i);
const squares = ten.map((n) => n * n);

t.test('calls and maps, by promise and blocking', async (t) => {
  t.equal(await pool.apply(square, [5]), 25);
  t.equal(await pool.apply(squareOf, [{ x: 3 }]), 9);
  t.equal(await pool.run(product, 6, 7), 42);
  t.equal(pool.sync.apply(square, [5]), 25);
  t.equal(pool.sync.run(product, 6, 7), 42);
  t.strictSame(await pool.map(square as (n: number) => number, ten), squares);
  t.strictSame(pool.sync.map(square as (n: number) => number, ten), squares);
  const pairs = ten.map((n): [number, number] => [n, n + 1]);
  const products = ten.map((n) => n * (n + 1));
  t.strictSame(await pool.starmap(product, pairs), products);
  t.strictSame(pool.sync.starmap(product, pairs, { chunksize: 3 }), products);
  const { pid } = await pool.apply(who);
  t.notOk([process.pid, manager.process?.pid].includes(pid), "it ran in a worker of the server's");
  for (const empty of [await pool.map(square, []), await (await pool.mapAsync(square, [])).get()])
    t.strictSame(empty, []);
});

t.test('results that stay with the server', async (t) => {
  const event = await manager.Event();
  const later = await pool.applyAsync(whenSet, [event, 49]);
  t.equal(later.sync.ready(), false);
  t.throws(() => later.sync.successful(), { name: 'ValueError' });
  await t.rejects(later.get(0), { name: 'TimeoutError' });
  await event.set();
  t.equal(await later.get(), 49);
  t.equal(await later.wait(), undefined);
  t.equal(await later.successful(), true);
  t.equal(later.sync.get(), 49, 'as often as one likes');
  t.strictSame(await (await pool.mapAsync(square as (n: number) => number, ten)).get(), squares);
  const starred = pool.sync.starmapAsync(product, [
    [1, 2],
    [3, 4],
  ]);
  t.strictSame(starred.sync.get(), [2, 12]);
  const failed = await pool.applyAsync(miss, ['a key']);
  const error = await failed.get().catch((reason: unknown) => reason);
  t.type(error, KeyError);
  t.match(error, { key: 'a key', cause: { name: 'RangeError' } });
  t.equal(await failed.successful(), false);
  await t.rejects(pool.map(missIfOdd, ten), { name: 'KeyError' });
  for (let i = 0; i < 3; i++) await t.rejects(pool.apply(closure), { name: 'MaybeEncodingError' });
});

t.test('iterators over results', async (t) => {
  const found: number[] = [];
  for await (const each of await pool.imap(square as (n: number) => number, ten)) found.push(each);
  t.strictSame(found, squares);
  const unordered = [...pool.sync.imapUnordered(square as (n: number) => number, ten, { chunksize: 2 }).sync];
  t.strictSame(
    unordered.sort((a, b) => a - b),
    squares,
  );
  const slow = await pool.imap(square as (n: number, pause?: number) => Promise<number>, [2]);
  t.strictSame(await slow.next(), { done: false, value: 4 });
  t.strictSame(await slow.next(), { done: true, value: undefined });
  const waiting = await pool.imap(spin, [100]);
  await t.rejects(waiting.next(1), { name: 'TimeoutError' });
  t.strictSame(await waiting.next(), { done: false, value: 100 });
  const left: number[] = [];
  for await (const each of await pool.imap(echo, ten)) {
    left.push(each as number);
    if (left.length === 3) break;
  }
  t.strictSame(left, [0, 1, 2]);
});

t.test('what is refused', async (t) => {
  for (const size of [0, -1]) await t.rejects(manager.Pool(size), { name: 'RemoteError', message: /ValueError/ });
  await t.rejects(
    pool.apply(() => 1),
    { name: 'TypeError' },
  );
  await t.rejects(pool.map(5 as never, ten), { name: 'TypeError' });
  await t.rejects(pool.getValue(), { name: 'TypeError' });
  await t.rejects(pool.callMethod('constructor'), { name: 'RemoteError' });
  await t.rejects(pool.join(), { name: 'ValueError' });
});

t.test('a signal ends the work; a worker that dies fails its task only', async (t) => {
  const controller = new AbortController();
  const waiting = pool.apply(spin, [60_000], { signal: controller.signal });
  await pool.stats();
  controller.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' });
  await t.rejects(pool.apply(spin, [60_000], { timeout: 20 }), { name: 'TimeoutError' });
  const { pid } = await pool.apply(who);
  const both = Promise.allSettled([pool.apply(spin, [60_000]), pool.apply(spin, [60_000])]);
  // Not with what went before: a worker that did not stop in time is busy until it is replaced.
  for (let [queued, busy] = [1, 0]; queued > 0 || busy < 2; ) {
    const { workers, ...now } = await pool.stats();
    [queued, busy] = [now.queued, workers.filter(({ state }) => state === 'busy').length];
  }
  for (const worker of (await pool.stats()).workers) process.kill(worker.pid, 'SIGKILL');
  for (const one of await both) {
    t.equal(one.status, 'rejected');
    t.type((one as PromiseRejectedResult).reason, WorkerLostError);
  }
  t.equal(await pool.apply(square, [3]), 9);
  t.not((await pool.apply(who)).pid, pid);
});

t.test('work that a killed client gave is done', async (t) => {
  const [list, ready] = [await manager.list(), await manager.Event()];
  const client = new Process({ target: giveWork, args: [pool, list, ready] });
  client.start();
  await ready.wait();
  client.kill();
  await client.join();
  const done = new Event();
  for (;;) {
    if ((await list.length) === 2) break;
    await done.wait(10);
  }
  t.strictSame([...((await list.getValue()) as string[])].sort(), ['done', 'done, too']);
  done.close();
});

t.test('a pool that is left, terminated, or closed and joined', async (t) => {
  const left = await manager.Pool(1);
  const waiting = left.apply(spin, [60_000]);
  const rejected = t.rejects(waiting, { name: 'ClosedError' });
  await left.stats();
  await left[Symbol.asyncDispose]();
  await rejected;
  const closed = manager.Pool(1);
  const result = closed.apply(square, [4, 20]);
  await closed.close();
  await t.rejects(closed.apply(square, [4]), { name: 'ValueError' });
  t.equal(await closed.join(), true);
  t.equal(await result, 16);
});

t.test('a program whose main module awaits has its functions and classes found by the server', async (t) => {
  const main = program(t, 'manager-main');
  t.strictSame(await main.message(), { squared: 16, task: 'Task 5', back: 'Task 7', sync: 'Task 8' });
  t.strictSame(await main.ended, { code: 0, signal: null }, main.stderr);
});

t.test('the server ends, and its workers with it', async (t) => {
  const workers = (await pool.stats()).workers.map(({ pid }) => pid);
  await manager.shutdown();
  t.equal(manager.process?.exitCode, 0);
  await until('the workers end', () => !workers.some((pid) => existsSync(`/proc/${pid}`)));
  // What was on its way to workers that were killed.
  sweep();
});
