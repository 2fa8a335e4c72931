/** Participants: who a thread is to the others, whatever happens to the registry, the addon and the thread. */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A registry that only this test uses, removed at the end. */
function ownRegistry(t: { teardown(handler: () => unknown): void }): { env: Record<string, string>; remove(): void } {
  const space = `test${process.pid}`;
  const libc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime;
  const file = `/dev/shm/multiproc-r1-${process.getuid?.()}-${libc ? 'glibc' : 'musl'}-${space}`;
  const remove = () => rmSync(file, { force: true });
  t.teardown(remove);
  return { env: { MULTIPROC_NAMESPACE: space }, remove };
}

t.test(
  'a registry removed under its users: they go on, newcomers are refused until the others have gone',
  async (t) => {
    const { env, remove } = ownRegistry(t);
    const name = freshName(t);
    const before = [new Remote(t, { env }), new Remote(t, { env })] as const;
    const one = await before[0].make('Lock', { name });
    const other = await before[1].make('Lock', { name });
    remove();
    t.equal(await one.call('acquire'), true);
    t.equal(await other.call('tryAcquire'), false);
    const newcomer = new Remote(t, { env });
    await t.rejects(newcomer.make('Lock', { name }), { code: 'ERR_MULTIPROC_REGISTRY' });
    await newcomer.make('Lock', { name: `${name}other` });
    await before[0].kill();
    t.equal(await other.call('acquire', 5000), true, 'those from before still notice a death');
    await before[1].kill();
    const adopted = await newcomer.make('Lock', { name });
    t.equal(await adopted.call('acquire', 5000), true, 'with nobody left, the lock is adopted');
    t.equal(await adopted.get('ownerDied'), true);
  },
);

t.test('a semaphore whose registry was removed is adopted with all robust permits free', async (t) => {
  const { env, remove } = ownRegistry(t);
  const name = freshName(t);
  const first = new Remote(t, { env });
  const semaphore = await first.make('Semaphore', 2, { name, robust: true });
  await semaphore.call('tryAcquire');
  await first.kill();
  remove();
  const adopted = await new Remote(t, { env }).make('Semaphore', 2, { name, robust: true });
  t.equal(await adopted.call('getValue'), 2);
});

t.test('two copies of the package in one thread are one participant', async (t) => {
  const source = `
    import { Lock } from 'multiproc';
    const name = process.argv[1];
    const one = new Lock({ name });
    const again = await import(new URL('core.js?again', import.meta.resolve('multiproc')).href);
    if (again.Lock === Lock) throw new Error('that is no other copy');
    const other = new again.Lock({ name });
    one.acquireSync();
    let code = 'none';
    try { other.acquireSync(); } catch (error) { code = error.code; }
    other.release();
    console.log(code, one.locked());
  `;
  const child = command(t, process.execPath, {
    args: ['--input-type=module', '-e', source, freshName(t)],
    cwd: root,
  });
  t.equal(await child.line(), 'EDEADLK false');
});

t.test('the addon loaded first by a Worker that ends can be used afterwards', async (t) => {
  const source = `
    const { Worker } = require('node:worker_threads');
    const { once } = require('node:events');
    (async () => {
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(
          "const { Lock } = require('multiproc'); const l = new Lock(); l.acquireSync(); l.acquire(20).then(() => {});",
          { eval: true },
        );
        await once(worker, 'exit');
      }
      const { Lock } = require('multiproc');
      const lock = new Lock();
      console.log(await lock.acquire(), await lock.acquire(20));
    })();
  `;
  const child = command(t, process.execPath, { args: ['-e', source], cwd: root });
  t.equal(await child.line(), 'true false');
  t.strictSame(await child.ended, { code: 0, signal: null });
});

const isRoot = process.getuid?.() === 0;
t.test('a segment of another user is refused with EACCES', { skip: !isRoot && 'needs root' }, async (t) => {
  const name = freshName(t);
  const { Lock } = createRequire(import.meta.url)('multiproc') as typeof import('multiproc');
  const lock = new Lock({ name });
  const source = `
    const { createRequire } = require('node:module');
    const native = createRequire(process.argv[1])('node-gyp-build')(process.argv[1]);
    process.setgid(65534); process.setuid(65534);
    try { native.segmentOpen('multiproc-1-0-' + process.argv[2]); } catch (error) { console.log(error.code); }
  `;
  const child = command(t, process.execPath, { args: ['-e', source, `${root}/`, name], cwd: root });
  t.equal(await child.line(), 'EACCES');
  lock.close();
});

t.test('two hundred pending waits use two threads, and the thread pool stays free', async (t) => {
  const space = freshName(t);
  const remote = new Remote(t);
  const holding = await Promise.all(
    Array.from({ length: 200 }, (_, i) => remote.make('Lock', { name: `${space}${i}` })),
  );
  await Promise.all(holding.map((lock) => lock.call('acquire')));
  const { Lock } = await import('multiproc');
  const { readdirSync } = await import('node:fs');
  const { readFile } = await import('node:fs/promises');
  const threads = () => readdirSync('/proc/self/task').length;
  await Promise.all(Array.from({ length: 8 }, () => readFile('/proc/self/stat')));
  const before = threads();
  const locks = Array.from({ length: 200 }, (_, i) => new Lock({ name: `${space}${i}` }));
  const waiting = locks.map((lock) => lock.acquire());
  await Promise.all(Array.from({ length: 100 }, () => readFile('/proc/self/stat')));
  t.ok(threads() - before <= 2, `${threads() - before} threads more`);
  await Promise.all(holding.map((lock) => lock.call('release')));
  t.strictSame(new Set(await Promise.all(waiting)), new Set([true]));
  for (const lock of locks) lock.close();
});

t.test('the pending waits of a Worker end with it', async (t) => {
  const name = freshName(t);
  const { Lock } = await import('multiproc');
  const lock = new Lock({ name });
  lock.acquireSync();
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { Lock } = require('multiproc');
     void new Lock({ name: workerData }).acquire();
     parentPort.postMessage('waiting');`,
    { eval: true, workerData: name },
  );
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
  lock.release();
  t.equal(lock.tryAcquire(), true);
  t.equal(lock.ownerDied, false);
  lock.close();
});
