/** A named pool is one pool for all programs of a user, whichever of them, of its workers, or its host dies. */
import { readdirSync, readFileSync } from 'node:fs';
import { list, Pool, sweep, ThreadPool } from 'multiproc';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program, type Scope } from '../harness/program.js';
import { until } from '../harness/until.js';
import { failToPrepare, prepare, preparedValue } from '../programs/pool-member-targets.js';
import { echo, miss, square } from '../programs/pool-targets.js';

t.setTimeout(300_000);
leaveNothing(t);

const name = (what: string) => `test.named.${process.pid}.${what}`;

async function asks(member: Program, what: string, argument?: unknown): Promise<unknown> {
  member.send([what, argument]);
  return member.message();
}

/** Independent programs that have joined. */
async function members(t: Scope, pool: string, size: string, count = 3): Promise<Program[]> {
  const all = Array.from({ length: count }, () => program(t, 'pool-member', { args: [pool, size], timeout: 200_000 }));
  for (const member of all) member.send(['join']);
  for (const member of all) await member.message();
  return all;
}

/** A call of a member that has not noticed the death of the host yet may fail; the next one works. */
async function hostAfterLoss(member: Program): Promise<unknown> {
  const first = await asks(member, 'host');
  return (first as { name?: string }).name === 'WorkerLostError' ? asks(member, 'host') : first;
}

/** Whether a process runs: one that has ended and was not reaped does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function nothingIsLeft(t: Test, pool: string, pids: number[]): Promise<void> {
  await until('the processes of the pool end', () => !pids.some(isRunning));
  sweep();
  t.strictSame(
    readdirSync('/dev/shm').filter((file) => file.endsWith(`.pool.${pool}`)),
    [],
  );
}

t.test('three programs have one host and its workers, which end with the last of them', async (t) => {
  const pool = name('three');
  const [one, two, three] = (await members(t, pool, '2')) as [Program, Program, Program];
  const hosts = [await asks(one, 'host'), await asks(two, 'host'), await asks(three, 'sync')] as number[];
  t.equal(new Set(hosts).size, 1);
  t.strictSame(await asks(two, 'shared'), [42, 42]);
  const workers = (await asks(one, 'workers')) as number[];
  t.equal(workers.length, 2);
  t.strictSame(new Set((await asks(three, 'workers')) as number[]), new Set(workers));

  t.equal(await asks(one, 'close'), true);
  t.equal(await asks(two, 'host'), hosts[0], 'the pool goes on without its first member');
  two.kill('SIGKILL');
  await two.exited;
  t.equal(await asks(three, 'host'), hosts[0]);
  t.equal(await asks(three, 'drain', 60_000), true);
  await nothingIsLeft(t, pool, [hosts[0] as number, ...workers]);

  t.equal(typeof (await asks(one, 'join')), 'number', 'and a later one starts it anew');
  t.not(await asks(one, 'host'), hosts[0]);
  t.equal(await asks(one, 'terminate'), true);
});

t.test('each part may be killed: callers get results or a named error, and the next call works', async (t) => {
  const pool = name('kills');
  const [one, two, three] = (await members(t, pool, '2')) as [Program, Program, Program];
  const host = (await asks(one, 'host')) as number;

  const worker = (await asks(one, 'begin', 60_000)) as number;
  process.kill(worker, 'SIGKILL');
  t.strictSame(await asks(one, 'outcomes'), ['WorkerLostError'], 'a worker');
  t.equal(await asks(two, 'host'), host);

  // A member whose tasks run for a long time: its workers are free again after the grace.
  await asks(two, 'begin', 600_000);
  await asks(two, 'begin', 600_000);
  two.kill('SIGKILL');
  await two.exited;
  t.equal(await asks(three, 'host'), host, 'a member');

  await asks(three, 'begin', 60_000);
  process.kill(host, 'SIGKILL');
  t.strictSame(await asks(three, 'outcomes'), ['WorkerLostError'], 'the host');
  const [next, same] = [await hostAfterLoss(one), await asks(three, 'sync')];
  t.not(next, host);
  t.equal(same, next);
  const workers = (await asks(one, 'workers')) as number[];

  // All members at once.
  one.kill('SIGKILL');
  three.kill('SIGKILL');
  await Promise.all([one.exited, three.exited]);
  await nothingIsLeft(t, pool, [next as number, ...workers]);

  // The host and the last member at once.
  const [last] = (await members(t, pool, '1', 1)) as [Program];
  const lastHost = (await asks(last, 'host')) as number;
  const lastWorkers = (await asks(last, 'workers')) as number[];
  process.kill(lastHost, 'SIGKILL');
  last.kill('SIGKILL');
  await last.exited;
  await nothingIsLeft(t, pool, [lastHost, ...lastWorkers]);
});

t.test('one name, one pool: options that differ are an error that shows both', async (t) => {
  const options = { name: name('options'), initializer: prepare, initargs: [5] as [number], grace: 500 };
  const pool = new Pool(1, options);
  t.equal(await pool.run(preparedValue), 5);
  t.match(
    list().find(({ file }) => file.endsWith(`.pool.${options.name}`)),
    { kind: 'named pool', name: null },
  );
  const kind = { name: 'MultiprocError', code: 'ERR_MULTIPROC_KIND' };
  t.throws(() => new Pool(2, options), { ...kind, message: /to have processes 2, but it exists with processes 1/ });
  t.throws(() => new Pool(1, { ...options, initializer: failToPrepare, initargs: [] }), {
    ...kind,
    message: /to have initializer failToPrepare of file:.*, but it exists with initializer prepare of file:/,
  });
  t.throws(() => new Pool(1, { ...options, initargs: [6] }), {
    ...kind,
    message: /initargs \[ 6 \], but it exists with initargs \[ 5 \]/,
  });
  t.throws(() => new Pool(1, { ...options, maxTasksPerChild: 3 }), {
    ...kind,
    message: /maxTasksPerChild 3, but it exists with maxTasksPerChild none/,
  });
  const other = new Pool(null, { name: options.name });
  t.equal(await other.run(preparedValue), 5, 'what is left out is taken as it is');
  t.match(other.stats(), { completed: 1, workers: [{ pid: Number }] });
  other.terminate();
  await other.join();
  t.equal(await pool.run(square, 3), 9, 'the share of another member is none of this one');
  await pool[Symbol.asyncDispose]();

  t.throws(() => new ThreadPool(1, { name: 'x' }), { name: 'ValueError', message: /threads of this process/ });
  t.throws(() => new Pool(1, { name: 'x', context: 'fork' }), { name: 'ValueError', message: /spawn/ });
  t.throws(() => new Pool(1, { name: 'x', stdio: 'pipe' }), { name: 'ValueError', message: /'inherit' or 'ignore'/ });
  t.throws(() => new Pool(1, { name: 'a b' }), { code: 'ERR_MULTIPROC_NAME' });
});

t.test('a named pool does what a pool does', async (t) => {
  const pool = new Pool(2, { name: name('like') });
  const progress: unknown[] = [];
  const onProgress = (done: number, total: number | undefined) => progress.push([done, total]);
  t.strictSame(await pool.map(square, [1, 2, 3], { chunksize: 2, onProgress }), [1, 4, 9]);
  t.strictSame(progress.at(-1), [3, 3]);
  t.strictSame(await pool.map(square, [1.5], {}), [2.25]);
  const found: number[] = [];
  for await (const value of pool.imap(square, [1, 2, 3])) found.push(value);
  t.strictSame(found, [1, 4, 9]);
  const called = await new Promise((resolve) => pool.applyAsync(square, [5], { callback: resolve }));
  t.equal(called, 25);
  t.equal(pool.applyAsync(square, [6]).getSync(60_000), 36);
  const sent = { bytes: Buffer.from('abc'), map: new Map([[1, square]]) };
  t.strictSame(await pool.run(echo, sent), sent);
  t.equal(((await pool.run(echo, new Uint8Array(9_000_000))) as Uint8Array).length, 9_000_000);
  await t.rejects(pool.run(miss, 'k'), { name: 'KeyError', key: 'k', cause: { name: 'RangeError' } });
  await t.rejects(pool.apply(square, [1, 600_000], { timeout: 30 }), { name: 'TimeoutError' });
  const controller = new AbortController();
  const aborted = pool.apply(square, [1, 600_000], { signal: controller.signal });
  controller.abort(new Error('no more'));
  await t.rejects(aborted, { message: 'no more' });
  await t.rejects(
    pool.run(echo, () => 1),
    { name: 'TypeError' },
  );
  pool.close();
  await t.rejects(pool.run(square, 1), { name: 'ValueError' });
  t.equal(await pool.join(60_000), true);
});

t.test('what the initializer throws fails every call, and is not hidden', async (t) => {
  const pool = new Pool(1, { name: name('failing'), initializer: failToPrepare });
  await t.rejects(pool.run(square, 1), { name: 'RangeError', message: 'not prepared' });
  await t.rejects(pool.run(square, 1), { name: 'RangeError' });
  t.equal(await pool.join(60_000), true);
});
