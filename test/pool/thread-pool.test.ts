/** Everything that pools promise, with workers that are threads, and what is particular to those. */
import { activeChildren, getContext, Pool, Queue, ThreadPool, WorkerLostError } from 'multiproc';
import * as dummy from 'multiproc/dummy';
import t from 'tap';
import { poolSuite } from '../conformance/pool.js';
import { dummyPrograms } from '../harness/dummy.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';
import * as targets from '../programs/pool-targets.js';

export const sweepAfterwards = true;

t.setTimeout(300_000);

const make = (scope: typeof t, size: number, options = {}) => {
  const pool = new ThreadPool(size, options);
  scope.teardown(async () => {
    pool.terminate();
    await pool.join();
  });
  return pool;
};

t.test('it goes by three names, whichever start method a program has', async (t) => {
  t.equal(dummy.Pool, ThreadPool);
  t.equal(dummy.getContext().Pool, ThreadPool);
  t.equal(getContext('spawn').ThreadPool, ThreadPool);
  for (const context of ['thread', 'spawn', dummy.getContext()]) {
    const pool = make(t as never, 1, { context });
    const { name, main, pid, daemon } = await pool.apply(targets.who);
    t.match(name, /^ThreadPoolWorker-\d+/);
    t.strictSame([main, pid, daemon], [false, process.pid, true]);
    t.ok(pool instanceof Pool);
    pool.close();
    await pool.join();
  }
  t.throws(() => new ThreadPool(1, { context: 'threads' as never }), { name: 'ValueError' });
});

t.test('a lost worker fails exactly what it was running, says how it ended, and is replaced', async (t) => {
  const pool = make(t as never, 2);
  const begun = new Queue<string>();
  const release = new Queue<string>();
  const other = pool.apply(targets.meet, [begun, release]);
  await begun.get();
  const waiting = [1, 2, 3].map((x) => pool.apply(targets.square, [x]));
  const lost = pool.apply(targets.exit, [3]);
  const later = [4, 5, 6].map((x) => pool.apply(targets.square, [x]));
  const error = await lost.catch((error) => error);
  t.ok(error instanceof WorkerLostError);
  t.match(error, { code: 'ERR_MULTIPROC_WORKER_LOST', exitCode: 3, signal: null, pid: process.pid });
  t.match(error.message, /ThreadPoolWorker-\d/);
  t.strictSame(await Promise.all([...waiting, ...later]), [1, 4, 9, 16, 25, 36]);
  const ended = pool.apply(targets.busyForEver, [begun]);
  await begun.get();
  const busy = pool.stats().workers.map(({ name }) => name);
  release.putSync('other');
  t.equal(await other, 'other');
  await until('one is busy', () => pool.stats().workers.filter(({ state }) => state === 'busy').length === 1);
  const [victim] = pool.stats().workers.filter(({ state }) => state === 'busy');
  t.ok(busy.includes(victim?.name as string));
  const thread = dummy.activeChildren().find(({ name }) => name === victim?.name);
  thread?.terminate();
  t.match(await ended.catch((error) => error), { exitCode: -15, signal: 'SIGTERM' });
  await until('both workers are there', () => pool.stats().workers.length === 2);
  t.equal(pool.stats().lost, 2);
  t.notOk(activeChildren().some(({ name }) => name.startsWith('ThreadPoolWorker')));
  begun.close();
  release.close();
});

t.test('getSync hears of a loss, too', async (t) => {
  const pool = make(t as never, 1);
  t.throws(() => pool.applyAsync(targets.exit, [4]).getSync(), { exitCode: 4 } as never);
  t.equal(pool.applyAsync(targets.square, [3]).getSync(), 9);
});

t.test('workers that cannot start fail the pool instead of starting for ever', async (t) => {
  const pool = make(t as never, 2, { initializer: targets.exitAtStart });
  await t.rejects(pool.apply(targets.nothing), { name: 'WorkerLostError', message: /exit code 7/ });
  t.equal(await pool.join(), true);
});

t.test('terminate ends workers in the middle of a loop; what a task left open keeps none', async (t) => {
  const pool = new ThreadPool(1);
  const begun = new Queue<string>();
  const rejected = t.rejects(pool.apply(targets.busyForEver, [begun]), { name: 'ClosedError' });
  await begun.get();
  pool.terminate();
  t.equal(await pool.join(), true);
  await rejected;
  const other = new ThreadPool(1);
  await other.apply(targets.leaveTimer);
  other.close();
  t.equal(await other.join(), true);
  begun.close();
});

t.test('workers may start children, and have pools of their own', async (t) => {
  const pool = make(t as never, 1);
  t.equal(await pool.apply(targets.startChild), undefined);
  t.strictSame(await pool.apply(targets.threadsOfOne), [1, 4, 9]);
});

t.test('a program ends with an idle pool, not before its tasks are done', async (t) => {
  const [file] = dummyPrograms('pool-parent', 'pool-targets');
  const run = (scenario: string) => program(t, file as URL, { args: [scenario] });
  const idle = run('idle');
  t.strictSame(await idle.ended, { code: 0, signal: null }, idle.stderr);
  const busy = run('busy');
  t.equal(await busy.line(), 'done: 49');
  t.strictSame(await busy.ended, { code: 0, signal: null }, busy.stderr);
});

// The last one, as it sweeps what dead workers had open.
poolSuite(t, { Pool: ThreadPool, workers: 'thread' });
