/** A pool on Redis: its methods, several worker programs, and what happens when one of them, or the server, dies. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lock, MaybeEncodingError, TimeoutError, WorkerLostError } from 'multiproc';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { folder as makeFolder } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type Program, type Scope } from '../harness/program.js';
import { noRedis, RedisServer } from '../harness/redis.js';
import { until } from '../harness/until.js';
import * as tasks from '../programs/cluster-tasks.js';

leaveNothing(t);

const root = fileURLToPath(new URL('../programs', import.meta.url));
const lease = 3000;

/** Starts a worker program, and waits until it takes tasks. */
async function worker(
  t: Scope,
  server: RedisServer,
  options: { root?: string; namespace?: string } = {},
): Promise<Program> {
  const served = ['--redis', server.url, '--pool', 'jobs', '--lease', String(lease)];
  const args = [commandFile, 'work', ...served, '--processes', '2', '--root', options.root ?? root];
  const env = { MULTIPROC_NAMESPACE: options.namespace };
  const program = command(t, process.execPath, { args, env, timeout: 120_000 });
  await program.line(/serves the pool jobs/);
  return program;
}

async function stop(program: Program): Promise<void> {
  program.kill('SIGTERM');
  const { code } = await program.ended;
  if (code !== 0) throw new Error(`the worker ended with ${code}: ${program.stderr}`);
}

/** Whether a task `hang` was interrupted, or its process ended because it had no time for that. */
function hasStopped(file: string): boolean {
  if (existsSync(`${file}.stopped`)) return true;
  const pid = Number(readFileSync(file, 'utf8'));
  return pid > 0 && !existsSync(`/proc/${pid}`);
}

t.test('a pool has the methods of a local one, and leaves nothing on the server', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const host = await worker(t, server);
  const cluster = await server.connect(t, { lease });
  const pool = new cluster.Pool({ name: 'jobs', root });
  t.equal(await pool.apply(tasks.square, [7]), 49);
  t.equal(await pool.run(tasks.add, 7, 3), 10);
  t.equal(await pool.apply(tasks.wrapped, [5]), 15, 'a registered function');
  t.equal(
    await pool.apply({ module: join(root, 'cluster-tasks.js'), export: 'square' }, [3]),
    9,
    'a module and export',
  );
  const seen: unknown[] = [];
  const result = pool.applyAsync(tasks.square, [4], { callback: (value) => seen.push(value) });
  t.equal(await result.get(), 16);
  t.strictSame(seen, [16]);
  t.throws(() => pool.applyAsync(tasks.square, [4]).getSync(), { code: 'ERR_MULTIPROC_SYNC' });
  const items = Array.from({ length: 50 }, (_, i) => i);
  const squares = items.map((x) => x * x);
  const progress: number[] = [];
  t.strictSame(await pool.map(tasks.square, items, { onProgress: (done) => progress.push(done) }), squares);
  t.equal(progress.at(-1), 50);
  t.strictSame(await pool.mapAsync(tasks.square, items, { chunksize: 7 }).get(), squares);
  t.strictSame(
    await pool.starmap(tasks.add, [
      [1, 2],
      [3, 4],
    ]),
    [3, 7],
  );
  const inOrder: number[] = [];
  for await (const value of pool.imap(tasks.square, items, { chunksize: 10 })) inOrder.push(value);
  t.strictSame(inOrder, squares);
  const anyOrder: number[] = [];
  for await (const value of pool.imapUnordered(tasks.square, items, { chunksize: 10 })) anyOrder.push(value);
  t.strictSame(
    anyOrder.sort((a, b) => a - b),
    squares,
  );
  t.strictSame(await pool.map(tasks.square, []), []);

  await t.rejects(pool.apply(tasks.fail, ['no']), { name: 'RangeError', message: 'no', field: 7 });
  await t.rejects(pool.apply(tasks.unsendable), MaybeEncodingError);
  const lock = new Lock();
  await t.rejects(pool.apply(tasks.square as never, [lock]), {
    name: 'TypeError',
    message: /args\[0\] is a shared object/,
  });
  lock.close();
  t.equal(await pool.apply(tasks.size, [new Uint8Array(200_000)]), 200_000, 'large arguments');
  t.equal((await pool.apply(tasks.bytes, [200_000])).length, 200_000, 'a large result');
  const large = (await server.keys()).filter((key) => key.includes(':large:'));
  t.strictSame(large, [], 'nothing large stays when the tasks are done');

  const { completed, failed, lost, workers } = pool.stats();
  t.ok(completed > 20);
  t.ok(failed >= 2);
  t.equal(lost, 0);
  t.equal(workers.length, 1);
  pool.close();
  t.ok(await pool.join());
  await t.rejects(pool.apply(tasks.square, [1]), { name: 'ValueError' });
  await stop(host);
  t.strictSame(await server.keys(), []);
});

t.test('a task that is late, or given up, is interrupted where it runs', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const host = await worker(t, server);
  const cluster = await server.connect(t, { lease });
  const pool = new cluster.Pool({ name: 'jobs', root });
  const folder = makeFolder(t, {});
  await t.rejects(pool.apply(tasks.hang, [join(folder, 'late')], { timeout: 200 }), TimeoutError);
  t.equal(await pool.apply(tasks.square, [3]), 9, 'the processes take further tasks');
  const controller = new AbortController();
  const aborted = pool.apply(tasks.hang, [join(folder, 'aborted')], { signal: controller.signal });
  await until('the task runs', () => existsSync(join(folder, 'aborted')));
  controller.abort(new Error('enough'));
  await t.rejects(aborted, { message: 'enough' });
  await until('the aborted task has stopped', () => hasStopped(join(folder, 'aborted')));
  const cut = pool.apply(tasks.hang, [join(folder, 'cut')]);
  await until('the last task runs', () => existsSync(join(folder, 'cut')));
  pool.terminate();
  await t.rejects(cut, { name: 'ClosedError' });
  await until('the last task has stopped', () => hasStopped(join(folder, 'cut')));
  t.ok(await pool.join());
  await stop(host);
  t.strictSame(await server.keys(), []);
});

t.test('functions are found below the root of each worker', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const elsewhere = makeFolder(t, { 'package.json': '{ "type": "module" }' });
  const lacking = await worker(t, server, { root: elsewhere, namespace: 'other' });
  const cluster = await server.connect(t, { lease });
  const pool = new cluster.Pool({ name: 'jobs', root });
  const absent = { name: 'TypeError', message: /lacks the module \.\/plain-tasks\.js.*--root/s };
  const plain = await import('../programs/plain-tasks.js');
  await t.rejects(pool.apply(plain.double, [4]), absent);
  copyFileSync(join(root, 'plain-tasks.js'), join(elsewhere, 'plain-tasks.js'));
  t.equal(await pool.apply(plain.double, [4]), 8, 'from the file of the other root');
  const above = new cluster.Pool({ name: 'jobs', root: elsewhere });
  await t.rejects(above.apply(tasks.square, [1]), { name: 'TypeError', message: /below the root/ });
  above.terminate();
  pool.close();
  await pool.join();
  await stop(lacking);
  t.strictSame(await server.keys(), []);
});

t.test('a process that dies fails its task alone, or costs an attempt', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const host = await worker(t, server);
  const cluster = await server.connect(t, { lease });
  const once = new cluster.Pool({ name: 'jobs', root });
  const [lost, kept] = await Promise.allSettled([once.apply(tasks.die), once.apply(tasks.square, [6])]);
  t.ok(lost.status === 'rejected' && lost.reason instanceof WorkerLostError);
  t.match(lost, { reason: { signal: 'SIGKILL' } });
  t.match(kept, { value: 36 });
  const thrice = new cluster.Pool({ name: 'jobs', root, attempts: 3 });
  t.equal(await thrice.apply(tasks.dieOnce, [join(makeFolder(t, {}), 'died')]), 'survived');
  await t.rejects(thrice.apply(tasks.die), WorkerLostError);
  for (const pool of [once, thrice]) {
    pool.close();
    await pool.join();
  }
  await stop(host);
  t.strictSame(await server.keys(), []);
});

t.test('a worker program that is killed loses its task, or another runs it again', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const cluster = await server.connect(t, { lease });
  const once = new cluster.Pool({ name: 'jobs', root });
  const twice = new cluster.Pool({ name: 'jobs', root, attempts: 2 });
  const folder = makeFolder(t, {});
  const host = await worker(t, server);
  const lost = once.apply(tasks.hang, [join(folder, 'once')]);
  lost.catch(() => {});
  const again = twice.apply(tasks.hang, [join(folder, 'twice')]);
  again.catch(() => {});
  await until('both run', () => existsSync(join(folder, 'once')) && existsSync(join(folder, 'twice')));
  host.kill('SIGKILL');
  await host.ended;
  await t.rejects(lost, WorkerLostError, 'with no worker left');
  t.equal(once.stats().lost, 1);
  const next = await worker(t, server);
  t.equal(await once.apply(tasks.square, [3]), 9);
  await until('another worker runs it', () => twice.stats().workers.length > 0);
  twice.terminate();
  await t.rejects(again, { name: 'ClosedError' });
  once.close();
  await Promise.all([once.join(), twice.join()]);
  await stop(next);
});

t.test('a server that restarts loses no task', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const host = await worker(t, server);
  const cluster = await server.connect(t, { lease });
  const pool = new cluster.Pool({ name: 'jobs', root, attempts: 5 });
  const items = Array.from({ length: 60 }, (_, i) => i);
  let restarted: Promise<void> | undefined;
  const results = pool.map(tasks.square, items, {
    chunksize: 1,
    onProgress: (done) => {
      if (done >= 10) restarted ??= server.restart();
    },
  });
  t.strictSame(
    await results,
    items.map((x) => x * x),
  );
  await restarted;
  pool.close();
  await pool.join();
  await stop(host);
  t.strictSame(await server.keys(), []);
});

t.test('a worker program says what it needs', async (t) => {
  for (const [args, message] of [
    [['--pool', 'x'], /--redis URL and --pool NAME/],
    [['--redis', '/tmp/x', '--pool', 'x', '--processes', '0'], /--processes to be an integer from 1/],
    [['--redis', '/tmp/x', '--pool', 'x', '--root', '/nonexistent'], /--root to be a folder/],
  ] as const) {
    const program = command(t, process.execPath, { args: [commandFile, 'work', ...args] });
    t.equal((await program.ended).code, 2);
    t.match(program.stderr, message);
  }
});
