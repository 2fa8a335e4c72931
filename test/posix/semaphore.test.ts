/** Named POSIX semaphores: plain ones, the same to C and CPython, waited for without blocking. */
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type PosixSemaphore, type SemOptions, semOpen, semUnlink, shmOpen, shmUnlink } from 'multiproc/posix';
import t from 'tap';
import { compile, findPython, hasCompiler } from '../harness/foreign.js';
import { program as cProgram, pythonLoop } from '../harness/foreign-programs.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, program, type Scope } from '../harness/program.js';

leaveNothing(t);

const compiler = hasCompiler() ? false : 'there is no C compiler';
const python = findPython([3, 8]);
const noPython = python ? false : 'there is no CPython 3.8 or newer';
let count = 0;

function freshName(t: Scope): string {
  const name = `/test-sem-${process.pid}-${count++}`;
  t.teardown(() => {
    try {
      semUnlink(name);
    } catch {
      // The test did it.
    }
  });
  return name;
}

function fresh(t: Scope, options: SemOptions = {}): PosixSemaphore & { name: string } {
  const semaphore = semOpen(freshName(t), { create: true, exclusive: true, ...options });
  t.teardown(() => semaphore.close());
  return semaphore;
}

t.test('it counts', async (t) => {
  const semaphore = fresh(t, { value: 2 });
  t.equal(semaphore.getValue(), 2);
  t.equal(semaphore.tryWait(), true);
  t.equal(semaphore.waitSync(), true);
  t.equal(semaphore.getValue(), 0);
  t.equal(semaphore.tryWait(), false);
  t.equal(semaphore.waitSync(5), false);
  t.equal(semaphore.waitSync(-5), false);
  t.equal(await semaphore.wait(5), false);
  t.equal(await semaphore.wait(0), false);
  semaphore.post();
  t.equal(semaphore.getValue(), 1);
  t.equal(await semaphore.wait(), true);
  t.equal(fresh(t).getValue(), 1, 'one permit unless said otherwise');
});

t.test('create, exclusive, unlink and the name with or without its slash', async (t) => {
  const name = freshName(t);
  t.throws(() => semOpen(name), { code: 'ENOENT', syscall: 'sem_open', path: name });
  const first = semOpen(name.slice(1), { create: true, value: 3 });
  const second = semOpen(name, { create: true, value: 9 });
  t.equal(second.getValue(), 3, 'a semaphore that exists keeps its value');
  t.equal(first.name, name.slice(1));
  t.throws(() => semOpen(name, { create: true, exclusive: true }), { code: 'EEXIST' });
  first.post();
  t.equal(second.getValue(), 4);
  semUnlink(name);
  t.throws(() => semUnlink(name), { code: 'ENOENT', syscall: 'sem_unlink' });
  second.post();
  t.equal(first.getValue(), 5, 'those who have it open keep it');
  first.close();
  t.equal(second.getValue(), 5, 'each is closed by itself');
  second.close();
});

t.test('values at the limits', async (t) => {
  const semaphore = fresh(t, { value: 0x7fffffff });
  t.equal(semaphore.getValue(), 0x7fffffff);
  t.throws(() => semaphore.post(), { code: 'EOVERFLOW', syscall: 'sem_post' });
  for (const value of [-1, 1.5, 0x80000000, Number.NaN]) {
    t.throws(() => semOpen('/x', { create: true, value }), { name: 'RangeError' });
  }
  t.throws(() => semOpen('/x', { create: true, value: '1' as never }), { name: 'TypeError' });
});

t.test('wrong names and waits are refused', async (t) => {
  for (const name of ['', '/', '/a/b', 'a/', '.', '..', 'a\0b', 'x'.repeat(252)]) {
    t.throws(() => semOpen(name, { create: true }), { code: 'ERR_MULTIPROC_NAME' }, JSON.stringify(name));
  }
  t.throws(() => semOpen(7 as never), { name: 'TypeError' });
  const semaphore = fresh(t);
  t.throws(() => semaphore.waitSync(0.5), { name: 'RangeError' });
  t.throws(() => semaphore.waitSync('1' as never), { name: 'TypeError' });
  t.throws(() => semaphore.waitSync({ signal: new AbortController().signal }), { name: 'TypeError' });
  await t.rejects(semaphore.wait(0.5), { name: 'RangeError' });
  await t.rejects(semaphore.wait('1' as never), { name: 'TypeError' });
  t.equal(semaphore.getValue(), 1, 'and take nothing');
});

t.test('waiting lasts at least its time', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  for (const wait of [() => semaphore.wait(60), () => semaphore.waitSync(60)]) {
    const start = performance.now();
    t.equal(await wait(), false);
    t.ok(performance.now() - start >= 59);
  }
});

t.test('an abort ends the wait with its reason and takes no permit', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = semaphore.wait({ signal: controller.signal });
  controller.abort(reason);
  await t.rejects(waiting, reason);
  semaphore.post();
  await t.rejects(semaphore.wait({ signal: controller.signal }), reason);
  t.equal(semaphore.getValue(), 1);
});

t.test('no permit is lost between posts, time-outs and aborts', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  let got = 0;
  const rounds = 300;
  for (let i = 0; i < rounds; i++) {
    const controller = new AbortController();
    const waiting = semaphore.wait({ signal: controller.signal, timeout: i % 3 }).then(
      (won) => won && got++,
      () => {},
    );
    if (i % 2) setImmediate(() => controller.abort());
    semaphore.post();
    if (i % 5 === 0) controller.abort();
    await waiting;
  }
  t.equal(got + semaphore.getValue(), rounds);
});

t.test('permits go round in the order of the waits, of many at once', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  const order: number[] = [];
  const waits = Array.from({ length: 300 }, (_, i) => semaphore.wait().then(() => order.push(i)));
  for (let i = 0; i < 300; i++) semaphore.post();
  await Promise.all(waits);
  t.strictSame(
    order,
    Array.from({ length: 300 }, (_, i) => i),
  );
  t.equal(semaphore.getValue(), 0);
});

t.test('200 semaphores are waited for while the thread pool works', async (t) => {
  const semaphores = Array.from({ length: 200 }, () => fresh(t, { value: 0 }));
  const waits = semaphores.map((semaphore) => semaphore.wait());
  t.ok((await readFile('/proc/self/status')).length > 0);
  for (const semaphore of semaphores) semaphore.post();
  t.strictSame(await Promise.all(waits), Array(200).fill(true));
});

t.test('closing ends pending waits, and is for good', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  const waiting = semaphore.wait();
  semaphore.close();
  semaphore.close();
  await t.rejects(waiting, { name: 'ClosedError' });
  await t.rejects(semaphore.wait(), { name: 'ClosedError' });
  for (const use of ['waitSync', 'tryWait', 'post', 'getValue'] as const) {
    t.throws(() => semaphore[use](), { name: 'ClosedError' }, use);
  }
});

t.test('a pending wait keeps a program alive unless it is told not to', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  const loose = program(t, 'sem-wait', { args: [semaphore.name, 'loose'] });
  t.equal(await loose.line(), 'waiting');
  t.strictSame(await loose.ended, { code: 0, signal: null });
  const kept = program(t, 'sem-wait', { args: [semaphore.name, 'kept'] });
  t.equal(await kept.line(), 'waiting');
  semaphore.post();
  t.equal(await kept.line(), 'true');
  t.strictSame(await kept.ended, { code: 0, signal: null });
});

t.test('signals do not end a blocking wait', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  for (const how of ['for ever', 'for a time']) {
    const waiting = program(t, 'sem-wait', { args: [semaphore.name, how] });
    t.equal(await waiting.line(), 'waiting');
    for (let i = 0; i < 20; i++) {
      waiting.kill('SIGUSR2');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    semaphore.post();
    t.equal(await waiting.line(), 'true', how);
    t.strictSame(await waiting.ended, { code: 0, signal: null });
  }
});

t.test('a Worker that is terminated while it waits takes nothing with it', async (t) => {
  const semaphore = fresh(t, { value: 0 });
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.posix).then(({ semOpen }) => {
      const semaphore = semOpen(workerData.name);
      parentPort.postMessage('about to wait');
      void semaphore[workerData.how]();
    });
  `;
  for (const how of ['wait', 'waitSync', 'wait', 'waitSync']) {
    const workerData = { posix: import.meta.resolve('multiproc/posix'), name: semaphore.name, how };
    const worker = new Worker(source, { eval: true, workerData });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
  }
  semaphore.post();
  t.equal(semaphore.getValue(), 1);
  t.equal(await semaphore.wait(), true);
});

t.test('a C program and this one exclude each other', { skip: compiler }, async (t) => {
  const file = compile(t, cProgram);
  const semaphore = fresh(t);
  const holder = command(t, file, { args: ['hold', semaphore.name] });
  t.equal(await holder.line(), 'held');
  t.equal(semaphore.tryWait(), false);
  t.equal(semaphore.waitSync(5), false);
  const waiting = semaphore.wait();
  holder.child.stdin?.write('go\n');
  t.equal(await waiting, true);
  t.equal(await holder.line(), 'posted');

  const next = command(t, file, { args: ['hold', semaphore.name] });
  t.equal(semaphore.getValue(), 0);
  semaphore.post();
  t.equal(await next.line(), 'held');
  next.child.stdin?.write('go\n');
  t.equal(await next.line(), 'posted');
  t.equal(semaphore.getValue(), 1);

  const many = Array.from({ length: 50 }, () => semaphore.wait());
  command(t, file, { args: ['post', semaphore.name, '49'] });
  t.strictSame(await Promise.all(many), Array(50).fill(true));
});

t.test('a semaphore made in C is opened here', { skip: compiler }, async (t) => {
  const name = freshName(t);
  const maker = command(t, compile(t, cProgram), { args: ['make-sem', name, '7'] });
  t.equal(await maker.line(), 'made');
  const semaphore = semOpen(name);
  t.equal(semaphore.getValue(), 7);
  semaphore.close();
});

t.test('counting together with C under one semaphore loses nothing', { skip: compiler }, async (t) => {
  const file = compile(t, cProgram);
  const semaphore = fresh(t);
  const memory = shmOpen(`${semaphore.name}-counter`, { create: true, exclusive: true, size: 4 });
  t.teardown(() => shmUnlink(memory.name));
  const counter = new Uint32Array(memory.buffer);
  const rounds = 3000;
  const others = [1, 2].map(() => command(t, file, { args: ['count', semaphore.name, String(rounds), memory.name] }));
  for (const other of others) t.equal(await other.line(), 'ready');
  for (const other of others) other.child.stdin?.write('go\n');
  for (let i = 0; i < rounds; i++) {
    if (i % 2) semaphore.waitSync();
    else await semaphore.wait();
    const before = counter[0] as number;
    counter[0] = before + 1;
    semaphore.post();
  }
  for (const other of others) t.equal(await other.line(), 'counted');
  t.equal(counter[0], 3 * rounds);
  memory.close();
});

t.test('CPython and this process exclude each other', { skip: noPython }, async (t) => {
  const semaphore = fresh(t);
  const other = command(t, (python as { command: string }).command, { args: ['-u', '-c', pythonLoop] });
  const run = (line: string) => other.child.stdin?.write(`${line}\n`);
  run('import _multiprocessing as m');
  run(`s = m.SemLock._rebuild(0, 1, 0x7fffffff, ${JSON.stringify(semaphore.name)})`);
  run('s.acquire(); print("held")');
  t.equal(await other.line(), 'held');
  t.equal(semaphore.tryWait(), false);
  const waiting = semaphore.wait();
  run('s.release()');
  t.equal(await waiting, true);
  run('print(s.acquire(False))');
  t.equal(await other.line(), 'False');
  run('s.acquire(); print("held again")');
  semaphore.post();
  t.equal(await other.line(), 'held again');

  const made = freshName(t);
  run(`made = m.SemLock(1, 5, 9, ${JSON.stringify(made)}, False); print("made")`);
  t.equal(await other.line(), 'made');
  const here = semOpen(made);
  t.equal(here.getValue(), 5);
  here.close();
});
