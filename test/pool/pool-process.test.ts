/** What holds for pools whose workers are processes: their deaths, their daemonic nature, and the program's end. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  getContext,
  Pool,
  Process,
  Queue,
  SharedArray,
  sweep,
  type TaskMessage,
  WorkerLostError,
  type WorkerLostMessage,
} from 'multiproc';
import t from 'tap';
import { segments } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';
import * as stuck from '../programs/pool-stuck.js';
import * as targets from '../programs/pool-targets.js';

const inodeOf = (name: string) => statSync(`/dev/shm/${name}`, { throwIfNoEntry: false })?.ino ?? 0;

/** The inodes of what this process has mapped of /dev/shm. */
function mapped(): Set<number> {
  const lines = readFileSync('/proc/self/maps', 'latin1').matchAll(/ (\d+) +\/dev\/shm\/.+$/gm);
  return new Set([...lines].map(([, inode]) => Number(inode)));
}

/** Not of a zombie: whoever inherits it may take its time to reap it. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

export const sweepAfterwards = true;

t.setTimeout(300_000);

const make = (scope: typeof t, size: number, options = {}) => {
  const pool = new Pool(size, options);
  scope.teardown(async () => {
    pool.terminate();
    await pool.join();
  });
  return pool;
};

t.test('a dead worker fails exactly what it was running, says how it ended, and is replaced', async (t) => {
  const pool = make(t as never, 2);
  const begun = new Queue<string>();
  const other = pool.apply(targets.report, [begun, 'other', 400]);
  await begun.get();
  const waiting = [1, 2, 3].map((x) => pool.apply(targets.square, [x]));
  const lost = pool.apply(targets.kill, ['SIGKILL']);
  const later = [4, 5, 6].map((x) => pool.apply(targets.square, [x]));
  const error = await lost.catch((error) => error);
  t.ok(error instanceof WorkerLostError);
  t.match(error, { code: 'ERR_MULTIPROC_WORKER_LOST', exitCode: -9, signal: 'SIGKILL' });
  t.type(error.pid, 'number');
  t.strictSame(await Promise.all([...waiting, ...later]), [1, 4, 9, 16, 25, 36]);
  t.equal(await other, 'other');
  t.match(await pool.apply(targets.exit, [3]).catch((error) => error), { exitCode: 3, signal: null });
  const chunks = pool.map(targets.killAt, [0, 1, 2, 3, 4, 5], { chunksize: 2 });
  await t.rejects(chunks, WorkerLostError);
  await until('both workers are there', () => pool.stats().workers.length === 2);
  t.equal(pool.stats().lost, 3);
  begun.close();
});

t.test('what a dead worker had not begun to receive is freed', async (t) => {
  const before = mapped();
  // Too large to share a segment with others: its own one shows whether it is there.
  const [array, other] = [new SharedArray('d', 200_000), new SharedArray('d', 200_000)];
  const inodes = [...mapped()].filter((inode) => !before.has(inode));
  const pool = make(t as never, 1);
  const workers = () => pool.stats().workers.map(({ pid }) => pid);
  const own = () => [...segments()].filter((name) => inodes.includes(inodeOf(name))).length;
  const dead = new Set<number>();
  for (const end of ['kill', 'terminate'] as const) {
    const lost = pool.apply(stuck.never, [array]);
    const rejected = t.rejects(lost, end === 'kill' ? WorkerLostError : { name: 'ClosedError' });
    await until('the task has begun', () => {
      const { workers } = pool.stats();
      return workers.length > 0 && workers.every(({ pid, state }) => state === 'busy' && !dead.has(pid));
    });
    if (end === 'terminate') pool.terminate();
    for (const pid of workers()) {
      dead.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    await rejected;
  }
  await pool.join();
  const initialised = new Pool(1, { initializer: stuck.never, initargs: [other] });
  initialised.terminate();
  await initialised.join();
  t.equal(own(), 2);
  array.close();
  other.close();
  sweep();
  t.equal(own(), 0);
});

t.test('the last outcome of all may be found when its worker has ended', async (t) => {
  const pool = make(t as never, 1, { maxTasksPerChild: 1 });
  await until('the worker is ready', () => pool.stats().workers.every(({ state }) => state === 'idle'));
  const [worker] = pool.stats().workers;
  const result = pool.apply(targets.square, [3]);
  pool.close();
  // Nothing is heard meanwhile.
  while (isAlive(worker?.pid as number));
  t.equal(await result, 9);
  t.equal(await pool.join(), true);
});

t.test('getSync hears of a death, too', async (t) => {
  const pool = make(t as never, 1);
  t.throws(() => pool.applyAsync(targets.kill, ['SIGKILL']).getSync(), { code: 'ERR_MULTIPROC_WORKER_LOST' } as never);
  t.equal(pool.applyAsync(targets.square, [3]).getSync(), 9);
});

t.test('workers that cannot start fail the pool instead of starting for ever', async (t) => {
  const pool = make(t as never, 2, { initializer: targets.exitAtStart });
  await t.rejects(pool.apply(targets.nothing), { name: 'WorkerLostError', message: /exit code 7/ });
  await t.rejects(pool.apply(targets.nothing), { name: 'WorkerLostError' });
  t.equal(await pool.join(), true);
});

t.test('getSync waits for a worker that is replaced later', async (t) => {
  const file = `${t.testdir({ once: '' })}/once`;
  const pool = make(t as never, 1, { initializer: targets.exitIfThere, initargs: [file] });
  t.equal(pool.applyAsync(targets.square, [3]).getSync(60_000), 9);
});

t.test('a replacement that can never be started fails the pool', async (t) => {
  const settings: { fn?: () => void } = {};
  const pool = make(t as never, 1, { initializer: targets.initialise, initargs: [settings] });
  const { pid } = await pool.apply(targets.who);
  settings.fn = () => {};
  process.kill(pid, 'SIGKILL');
  await t.rejects(pool.applyAsync(targets.square, [3]).get(60_000), { name: 'TypeError', message: /fn/ });
  t.equal(await pool.join(), true);
});

t.test('a death beside a stopped worker that holds the tasks is judged when that has ended', async (t) => {
  const pool = make(t as never, 2);
  const begun = new Queue();
  const running = t.rejects(pool.apply(targets.report, [begun, 1, 300_000]), WorkerLostError);
  await begun.get();
  const stopped = await pool.apply(targets.stopAtNextTask);
  const other = pool.stats().workers.find(({ pid }) => pid !== stopped)?.pid as number;
  const results = [0, 1, 2, 3].map((x) => pool.apply(targets.square, [x]));
  await until('one worker has stopped', () => /\) T /.test(readFileSync(`/proc/${stopped}/stat`, 'latin1')));
  process.kill(other, 'SIGKILL');
  await until('the other one is dead', () => !isAlive(other));
  // The event loop goes on meanwhile.
  for (let turn = 0; turn < 20; turn++) await sleep(5);
  process.kill(stopped, 'SIGKILL');
  await running;
  t.strictSame(await Promise.all(results), [0, 1, 4, 9]);
  begun.close();
});

t.test('workers are daemons with names of their own; children may have pools', async (t) => {
  const pool = make(t as never, 1);
  const { name, daemon, pid } = await pool.apply(targets.who);
  t.match(name, /^(?:ForkServer|Spawn)PoolWorker-\d+/);
  t.equal(daemon, true);
  t.not(pid, process.pid);
  await t.rejects(pool.apply(targets.startChild), { name: 'ValueError', message: /daemonic/ });
  const child = new Process({ target: targets.ownPool, daemon: false });
  child.start();
  t.strictSame(await child.result, [1, 4, 9, 16, 25, 36, 49]);
  t.equal(await child.exited, 0);
});

t.test('contexts have pools of their start method', async (t) => {
  for (const [method, prefix] of [
    ['spawn', 'Spawn'],
    ['forkserver', 'ForkServer'],
  ] as const) {
    const pool = new (getContext(method).Pool)(1);
    t.match(await pool.apply(targets.who), { name: new RegExp(`^${prefix}PoolWorker`) });
    pool.close();
    await pool.join();
  }
});

t.test('what a task leaves open does not keep its worker; SIGTERM that is ignored neither', async (t) => {
  const pool = new Pool(1, { grace: 50 });
  await pool.apply(targets.leaveTimer);
  pool.close();
  t.equal(await pool.join(), true);
  const stubborn = new Pool(1, { grace: 50 });
  const begun = new Queue();
  const task = stubborn.apply(targets.ignoreTermination, [begun]);
  const rejected = t.rejects(task, { name: 'ClosedError' });
  await begun.get();
  stubborn.terminate();
  t.equal(await stubborn.join(), true);
  await rejected;
  begun.close();
});

t.test('diagnostics_channel tells of tasks and of lost workers', async (t) => {
  const pool = make(t as never, 1);
  const tasks: TaskMessage[] = [];
  const losses: WorkerLostMessage[] = [];
  const onTask = (message: unknown) => tasks.push(message as TaskMessage);
  const onLoss = (message: unknown) => losses.push(message as WorkerLostMessage);
  subscribe('multiproc:task', onTask);
  subscribe('multiproc:worker-lost', onLoss);
  await pool.apply(targets.square, [2]);
  await pool.apply(targets.exit, [5]).catch(() => {});
  await until('the loss was told', () => losses.length === 1);
  unsubscribe('multiproc:task', onTask);
  unsubscribe('multiproc:worker-lost', onLoss);
  t.match(tasks, [
    { pool, fn: 'square', ok: true },
    { pool, fn: 'exit', ok: false },
  ]);
  t.match(losses, [{ pool, exitCode: 5, signal: null }]);
});

t.test('a program ends with an idle pool, not before its tasks are done', async (t) => {
  const idle = program(t, 'pool-parent', { args: ['idle'] });
  t.strictSame(await idle.ended, { code: 0, signal: null }, idle.stderr);
  const imported = program(t, 'pool-parent', { args: ['imported'] });
  t.equal(await imported.line(), '{"isFar":true}');
  t.strictSame(await imported.ended, { code: 0, signal: null }, imported.stderr);
  const busy = program(t, 'pool-parent', { args: ['busy'] });
  t.equal(await busy.line(), 'done: 49');
  t.strictSame(await busy.ended, { code: 0, signal: null }, busy.stderr);
});

t.test('workers ignore Ctrl-C, and die with a parent that is killed', async (t) => {
  const parent = program(t, 'pool-parent', { args: ['workers'] });
  const pids = (await parent.line()).split(' ').map(Number);
  for (const pid of pids) process.kill(pid, 'SIGINT');
  t.equal(await parent.ask('again'), pids.length);
  parent.kill();
  await parent.ended;
  await until('no worker is left', () => !pids.some(isAlive));
});
