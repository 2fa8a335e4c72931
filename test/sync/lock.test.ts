/** Lock: exclusion between tasks, threads and processes, in every waiting form. */
import { Worker } from 'node:worker_threads';
import { Lock, list, RLock } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('acquire and release in every form', async (t) => {
  const lock = new Lock();
  t.equal(lock.locked(), false);
  for (const take of [
    () => lock.tryAcquire(),
    () => lock.acquireSync(),
    () => lock.acquire(),
    () => lock.acquire(10),
  ]) {
    t.equal(await take(), true);
    t.equal(lock.locked(), true);
    t.equal(lock.tryAcquire(), false, 'not recursive');
    t.equal(lock.acquireSync(0), false);
    t.equal(lock.acquireSync({ timeout: -1 }), false, 'a negative time-out is none');
    t.equal(await lock.acquire(0), false);
    t.equal(await lock.acquire({ timeout: 5 }), false);
    t.equal(lock.release(), undefined);
  }
  t.throws(() => lock.release(), { name: 'ValueError', code: 'ERR_MULTIPROC_VALUE' });
  lock.close();
});

t.test('a time-out is not shorter than asked', async (t) => {
  const lock = new Lock();
  lock.acquireSync();
  for (const wait of [() => lock.acquireSync(60), () => lock.acquire(60)]) {
    const start = performance.now();
    t.equal(await wait(), false);
    t.ok(performance.now() - start >= 59.5);
  }
  lock.release();
  lock.close();
});

t.test('run and hold give the lock back, also after an error', async (t) => {
  const lock = new Lock();
  t.equal(await lock.run(async () => (lock.locked() ? 'inside' : 'outside')), 'inside');
  t.equal(
    lock.runSync(() => (lock.locked() ? 'inside' : 'outside')),
    'inside',
  );
  await t.rejects(
    lock.run(() => {
      throw new RangeError('x');
    }),
    RangeError,
  );
  t.throws(() =>
    lock.runSync(() => {
      throw new RangeError('x');
    }),
  );
  const hold = await lock.hold();
  t.equal(hold.ownerDied, false);
  await t.rejects(
    lock.run(() => 1, 5),
    { name: 'TimeoutError' },
  );
  await t.rejects(lock.hold(5), { name: 'TimeoutError' });
  t.throws(() => lock.runSync(() => 1, 5), { name: 'TimeoutError' });
  t.throws(() => lock.holdSync(5), { name: 'TimeoutError' });
  hold.release();
  hold.release();
  t.equal(lock.locked(), false);
  lock.holdSync()[Symbol.dispose]();
  t.equal(lock.locked(), false);
  await t.rejects(lock.run('no function' as never), TypeError);
  lock.close();
});

t.test('waiting for oneself is an error, not a hang', async (t) => {
  const lock = new Lock();
  lock.acquireSync();
  t.throws(() => lock.acquireSync(), { code: 'EDEADLK' });
  t.throws(() => lock.acquireSync(Infinity), { code: 'EDEADLK' });
  t.equal(lock.acquireSync(20), false, 'another process might release it in time');
  lock.close();
});

t.test('wrong arguments', async (t) => {
  const lock = new Lock();
  for (const wait of ['1', {}.toString, { timeout: '1' }, { signal: 1 }]) {
    await t.rejects(lock.acquire(wait as never), TypeError);
  }
  await t.rejects(lock.acquire(0.5), RangeError, "Python's seconds are noticed");
  await t.rejects(lock.acquire({ timeout: Number.NaN }), RangeError);
  // Of a free lock as of a held one: the mistake must not wait for the first contention.
  for (const free of [true, false]) {
    if (!free) lock.acquireSync();
    t.throws(() => lock.acquireSync(0.5), RangeError);
    t.throws(() => lock.acquireSync('1' as never), TypeError);
    t.throws(() => lock.acquireSync({ signal: new AbortController().signal }), TypeError);
    t.throws(() => lock.runSync(() => {}, 0.5), RangeError);
  }
  lock.release();
  lock.close();
});

t.test('a signal ends the wait with its reason, and no lock is left behind', async (t) => {
  const lock = new Lock();
  const reason = new Error('enough');
  await t.rejects(lock.acquire({ signal: AbortSignal.abort(reason) }), reason);
  t.equal(lock.locked(), false);
  lock.acquireSync();
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await t.rejects(waiting, reason);
  lock.release();
  t.equal(lock.tryAcquire(), true);
  lock.release();
  lock.close();
});

t.test('tasks of one thread get it in the order in which they asked', async (t) => {
  const lock = new Lock();
  const order: number[] = [];
  await lock.acquire();
  const tasks = Array.from({ length: 50 }, async (_, i) => {
    await lock.acquire();
    order.push(i);
    if (i % 7 === 0) await new Promise(setImmediate);
    lock.release();
  });
  lock.release();
  await Promise.all(tasks);
  t.strictSame(
    order,
    [...order].sort((a, b) => a - b),
  );
  t.equal(order.length, 50);
  t.equal(lock.locked(), false);
  lock.close();
});

t.test('a task that was given the lock the moment it is closed does not keep it', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const other = new Lock({ name });
  lock.acquireSync();
  const waiting = lock.acquire();
  lock.release();
  lock.close();
  await t.rejects(waiting, { name: 'ClosedError' });
  t.equal(other.tryAcquire(), true);
  other.release();
  other.close();
});

t.test('a closed lock refuses everything but its name, and fails the waits it had', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  lock.acquireSync();
  const waiting = lock.acquire();
  lock.close();
  lock.close();
  await t.rejects(waiting, { name: 'ClosedError', code: 'ERR_MULTIPROC_CLOSED' });
  const uses: (() => unknown)[] = [
    () => lock.tryAcquire(),
    () => lock.acquireSync(),
    () => lock.release(),
    () => lock.locked(),
    () => lock.ownerDied,
    () => lock.markConsistent(),
    () => lock.holdSync(),
  ];
  for (const use of uses) t.throws(use, { name: 'ClosedError' });
  await t.rejects(lock.acquire(), { name: 'ClosedError' });
  await t.rejects(
    lock.run(() => 1),
    { name: 'ClosedError' },
  );
  t.equal(lock.name, name);
  lock.unlink();
  t.throws(() => lock.unlink(), { code: 'ENOENT' });
});

t.test('names', (t) => {
  const name = freshName(t);
  const lock = Lock.create({ name });
  t.throws(() => Lock.create({ name }), { code: 'EEXIST', syscall: 'linkat', path: name });
  const same = new Lock({ name: `/${name}` });
  same.acquireSync();
  t.equal(lock.tryAcquire(), false, 'a leading slash means the same');
  same.release();
  t.throws(() => new RLock({ name }), { code: 'ERR_MULTIPROC_KIND', message: /Lock/ });
  t.throws(() => RLock.open(name), { code: 'ERR_MULTIPROC_KIND' });
  t.strictSame(
    list(name).map((info) => [info.name, info.kind, info.openers]),
    [[name, 'Lock', [process.pid]]],
  );
  Lock.unlink(name);
  t.throws(() => Lock.unlink(name), { code: 'ENOENT', path: name });
  t.throws(() => Lock.open(name), { code: 'ENOENT', path: name });
  const other = new Lock({ name });
  lock.acquireSync();
  t.equal(other.tryAcquire(), true, 'unlinked and made again, it is another lock');
  for (const each of [lock, same, other]) each.close();
  for (const bad of ['', 'a b', 'a/b', '..', '.', 'x'.repeat(201), 'ü']) {
    t.throws(() => new Lock({ name: bad }), { code: 'ERR_MULTIPROC_NAME' }, JSON.stringify(bad));
  }
  t.throws(() => new Lock({ name: 1 } as never), TypeError);
  t.throws(() => new Lock('name' as never), TypeError);
  t.end();
});

t.test('it excludes another process, which any process may release', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const remote = new Remote(t);
  const there = await remote.make('Lock', { name });
  t.equal(await there.call('acquire'), true);
  t.equal(lock.tryAcquire(), false);
  t.equal(lock.locked(), true);
  t.equal(await lock.acquire(20), false);
  t.equal(lock.acquireSync(20), false);
  const waiting = lock.acquire();
  await there.call('release');
  t.equal(await waiting, true);
  await there.call('release');
  t.equal(lock.locked(), false, 'released by a process that did not hold it');
  await t.rejects(there.call('release'), { name: 'ValueError' });
  lock.close();
});

t.test('a wait of a task ends when another process releases what this thread holds', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const remote = new Remote(t);
  const there = await remote.make('Lock', { name });
  lock.acquireSync();
  const waiting = lock.acquire();
  t.throws(() => lock.acquireSync(), { code: 'EDEADLK' });
  await there.call('release');
  t.equal(await waiting, true);
  lock.release();
  lock.close();
});

for (const [how, end] of [
  ['killed', (remote: Remote) => remote.kill()],
  ['ended', (remote: Remote) => remote.exit()],
] as const) {
  t.test(`an owner that was ${how} does not leave the lock held`, async (t) => {
    const name = freshName(t);
    const lock = new Lock({ name });
    for (const form of ['tryAcquire', 'acquireSync', 'acquire'] as const) {
      const remote = new Remote(t);
      const there = await remote.make('Lock', { name });
      await there.call('acquire');
      t.equal(lock.tryAcquire(), false, 'not robbed while it lives');
      const early = form === 'acquire' ? lock.acquire() : undefined;
      await end(remote);
      t.equal(lock.locked() && early === undefined, false);
      t.equal(await (early ?? lock[form]()), true, form);
      t.equal(lock.ownerDied, true);
      lock.release();
      t.equal(lock.tryAcquire(), true);
      t.equal(lock.ownerDied, true, 'the next holder is told too');
      lock.markConsistent();
      t.equal(lock.ownerDied, false);
      lock.release();
      t.throws(() => lock.markConsistent(), { name: 'ValueError' });
    }
    lock.close();
  });
}

t.test('a stopped owner is never robbed', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const remote = new Remote(t);
  const there = await remote.make('Lock', { name });
  await there.call('acquire');
  process.kill(remote.pid, 'SIGSTOP');
  t.equal(lock.tryAcquire(), false);
  t.equal(lock.acquireSync(250), false);
  t.equal(await lock.acquire(250), false);
  process.kill(remote.pid, 'SIGCONT');
  await there.call('release');
  t.equal(await lock.acquire(), true);
  t.equal(lock.ownerDied, false);
  lock.close();
});

const workerSource = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Lock } = require('multiproc');
  const lock = new Lock({ name: workerData.name });
  parentPort.on('message', (form) => parentPort.postMessage(lock[form]()));
  parentPort.postMessage('ready');
`;

function worker(name: string): { thread: Worker; next(): Promise<unknown> } {
  const thread = new Worker(workerSource, { eval: true, workerData: { name } });
  return { thread, next: () => new Promise((resolve) => thread.once('message', resolve)) };
}

t.test('a Worker is a participant of its own, and a terminated one gives its locks back', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const { thread, next } = worker(name);
  await next();
  thread.postMessage('tryAcquire');
  t.equal(await next(), true);
  t.equal(lock.tryAcquire(), false);
  const waiting = lock.acquire();
  await thread.terminate();
  t.equal(await waiting, true);
  t.equal(lock.ownerDied, true);
  lock.markConsistent();
  lock.release();
  lock.close();
});

t.test('a Worker that blocks for ever can be terminated', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  lock.acquireSync();
  const { thread, next } = worker(name);
  await next();
  thread.postMessage('acquireSync');
  await new Promise((resolve) => setTimeout(resolve, 20)); // not a synchronisation: it may or may not block yet
  t.equal(await thread.terminate(), 1);
  lock.release();
  t.equal(lock.tryAcquire(), true);
  t.equal(lock.ownerDied, false);
  lock.close();
});

t.test('aborted and timed-out waits under contention leave no lock behind', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const remote = new Remote(t);
  const there = await remote.make('Lock', { name });
  let inside = 0;
  const counts = { won: 0, missed: 0, aborted: 0 };
  const task = async (i: number) => {
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const random = (i * 7919 + round * 104729) % 5;
      if (random < 2) setTimeout(() => controller.abort(), random);
      try {
        if (!(await lock.acquire({ timeout: random + 1, signal: controller.signal }))) {
          counts.missed++;
          continue;
        }
      } catch {
        counts.aborted++;
        continue;
      }
      inside++;
      if (inside !== 1) t.fail('two tasks inside');
      await new Promise(setImmediate);
      inside--;
      lock.release();
      counts.won++;
    }
  };
  await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => task(i)),
    (async () => {
      for (let i = 0; i < 20; i++) await there.hold(2);
    })(),
  ]);
  t.equal(lock.tryAcquire(), true, 'free in the end');
  t.equal(counts.won + counts.missed + counts.aborted, 160);
  lock.release();
  lock.close();
});

t.test('sync acquisition takes what was won for a task that does not know yet', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const remote = new Remote(t);
  const there = await remote.make('Lock', { name });
  for (let i = 0; i < 20; i++) {
    await there.call('acquire');
    let resolved = false;
    const waiting = lock.acquire().then((won) => {
      resolved = won;
    });
    const released = there.call('release');
    // The message is sent by now or in this turn; the waiter thread and this blocking call both wait for it.
    await new Promise(setImmediate);
    if (!resolved) {
      t.equal(lock.acquireSync(), true);
      lock.release();
    }
    await released;
    await waiting;
    lock.release();
  }
  lock.close();
});
