/** What is particular to threads: however one of them ends, the others and its process go on, and nothing is left. */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as multiproc from 'multiproc';
import {
  Event,
  getContext,
  Lock,
  type ProcessOptions,
  Queue,
  Semaphore,
  Value,
  ValueError,
  wait,
  waitSync,
} from 'multiproc';
import * as dummy from 'multiproc/dummy';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { until } from '../harness/until.js';

t.setTimeout(300_000);
leaveNothing(t);

const targets = new URL('../programs/thread-targets.js', import.meta.url);

function start(name: string, args: unknown[] = [], options: ProcessOptions = {}): multiproc.Process {
  const child = new dummy.Process({ target: { module: targets, export: name }, args, ...options });
  child.start();
  return child;
}

const descriptors = () => readdirSync('/proc/self/fd').length;

t.test('the names are those of multiproc', async (t) => {
  for (const name of Object.keys(multiproc)) t.ok(name in dummy, name);
  for (const name of Object.keys(dummy)) t.ok(name in multiproc, name);
  t.equal(dummy.Lock, multiproc.Lock);
  t.equal(createRequire(import.meta.url)('multiproc/dummy').Process, dummy.Process);
  t.ok(new dummy.Process() instanceof multiproc.Process);
});

t.test('there is one context, and one start method', async (t) => {
  const context = dummy.getContext();
  for (const method of ['thread', 'spawn', 'forkserver', 'fork', null] as const) {
    t.equal(dummy.getContext(method), context);
  }
  t.equal(context.getContext('spawn'), context);
  t.equal(context.Process, dummy.Process);
  for (const name of Object.keys(dummy)) t.ok(name in context, name);
  t.throws(() => dummy.getContext('threads' as never), { name: 'ValueError' });
  t.throws(() => context.setStartMethod('spawn'), { name: 'ValueError' });
  t.equal(context.getStartMethod(), 'thread');
  dummy.setStartMethod('spawn');
  t.equal(dummy.getStartMethod(), 'thread');
  t.throws(() => dummy.setStartMethod('spawn'), { message: 'context has already been set' });
  t.throws(() => dummy.setStartMethod('threads' as never, { force: true }), ValueError);
  t.strictSame(dummy.getAllStartMethods(), ['thread']);
  await dummy.warmUp();
});

t.test('a thread knows what it is, and children are told apart by their kind', async (t) => {
  t.strictSame(await start('identify').result, { own: true, ident: true, pid: true });
  const thread = start('stay');
  t.ok(dummy.activeChildren().includes(thread));
  t.notOk(multiproc.activeChildren().includes(thread));
  thread.kill();
  await thread.join();
});

t.test('a blocked thread sees the end of another, however early it came', (t) => {
  const early = start('stay');
  early.kill();
  t.equal(early.joinSync(), true);
  t.equal(early.exitCode, -9);
  const other = start('nothing');
  t.strictSame(waitSync([other.sentinel]), [other.sentinel]);
  t.equal(other.exitCode, 0);
  const listening = start('listenToExit', [6]);
  listening.joinSync();
  t.equal(listening.exitCode, 6, 'listeners have their say');
  // The preloaded module throws, so nothing of this package runs there.
  const failing = start('nothing', [], { execArgv: ['--import', 'data:text/javascript,throw 1'] });
  t.equal(failing.joinSync(), true);
  t.equal(failing.exitCode, 1);
  t.end();
});

t.test('what cannot be a Worker makes start fail, with nothing left', async (t) => {
  const before = descriptors();
  t.throws(() => start('nothing', [], { execArgv: ['--no-such-option'] }), { code: 'ERR_WORKER_INVALID_EXEC_ARGV' });
  t.equal(descriptors(), before);
});

t.test('a thread that ended holding a lock gives it back before it is joined', async (t) => {
  const lock = new Lock();
  const child = start('keepLock', [lock]);
  t.equal(child.joinSync(), true);
  t.equal(child.exitCode, 0);
  t.equal(lock.locked(), false);
  t.equal(lock.tryAcquire(), true);
  t.equal(lock.ownerDied, true);
  lock.close();
});

for (const how of ['lock', 'get', 'wait', 'join']) {
  t.test(`a thread that blocks for ever can be ended: ${how}`, async (t) => {
    const [ready, lock, queue] = [new Event(), new Lock(), new Queue<number>()];
    lock.acquireSync();
    const child = start('block', [how, ready, lock, queue]);
    await ready.wait();
    child.terminate();
    t.equal(child.joinSync(), true);
    t.equal(child.exitCode, -15);
    lock.release();
    t.equal(await lock.acquire(), true);
    t.equal(lock.ownerDied, false);
    for (const object of [ready, lock, queue]) object.close();
  });
}

t.test('a busy thread can be ended', async (t) => {
  const ready = new Event();
  const child = start('spin', [ready]);
  await ready.wait();
  child.interrupt();
  t.strictSame(await wait([child.sentinel]), [child.sentinel]);
  t.equal(child.exitCode, -2);
  ready.close();
});

const rounds = Number(process.env.MULTIPROC_THREAD_KILLS ?? 8);
t.test(`threads ended at ${rounds} moments leave locks, semaphores and queues usable`, async (t) => {
  const [lock, count, queue] = [new Lock(), new Value('q'), new Queue<number>(8)];
  const semaphore = new Semaphore(1, { robust: true });
  for (let round = 0; round < rounds; round++) {
    const ready = [new Event(), new Event()];
    const children = ready.map((event) => start('hammer', [lock, semaphore, queue, count, event]));
    for (const event of ready) await event.wait();
    const seen = count.value;
    // The moment is a number of additions, as a clock would stand still on a busy machine.
    while (count.value < seen + BigInt(1 + ((round * 7919) % 500))) await new Promise(setImmediate);
    for (const child of children) child.kill();
    for (const child of children) t.equal(child.joinSync(), true);
    t.equal(await lock.acquire(), true);
    lock.markConsistent();
    lock.release();
    t.equal(semaphore.getValue(), 1);
    while (queue.tryGet() !== undefined);
    await queue.put(round);
    t.equal(await queue.get(), round);
    for (const event of ready) event.close();
  }
  for (const object of [lock, count, queue, semaphore]) object.close();
});

t.test('a thread takes its own threads along, and their descriptors', async () => {
  const once = async () => {
    const ready = new Event();
    const child = start('parentOf', [2, ready]);
    await ready.wait();
    child.kill();
    await child.join();
    child.close();
    ready.close();
  };
  await once();
  const before = descriptors();
  for (let i = 0; i < 3; i++) await once();
  // A thread has ended a moment before Node has put everything of it away.
  await until('no more descriptors than before', () => descriptors() <= before);
});

t.test('streams go where they are told to, also when the descriptor is closed after the start', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'out');
  const fd = openSync(file, 'w');
  const child = start('say', ['hello'], { stdio: ['ignore', fd, fd] });
  closeSync(fd);
  t.equal(child.joinSync(), true);
  t.equal(readFileSync(file, 'utf8'), 'hello\nhello\n');
});

for (const method of ['spawn', 'forkserver'] as const) {
  t.test(`threads in a child started by ${method}`, async (t) => {
    const { Process } = getContext(method);
    const child = new Process({ target: { module: targets, export: 'threadsOfOne' } });
    child.start();
    t.strictSame(await child.result, [0, 0]);
    t.equal(await child.exited, 0);
  });
}

t.test('a Worker of the program may start threads', async (t) => {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { Process } from 'multiproc/dummy';
    const child = new Process({ target: { module: workerData, export: 'identify' } });
    child.start();
    parentPort.postMessage([await child.result, await child.join()]);
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(resolved(source))}`), {
    workerData: targets.href,
  });
  const message = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  t.strictSame(await message, [{ own: true, ident: true, pid: true }, true]);
  await exited;
});

/** A module without a file has no packages: their places are told. */
function resolved(source: string): string {
  return source.replace("'multiproc/dummy'", `'${import.meta.resolve('multiproc/dummy')}'`);
}
