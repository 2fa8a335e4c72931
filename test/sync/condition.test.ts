/** Condition: who is woken and who is not, with the lock held again, whoever dies meanwhile. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Condition, deserialize, Event, inspect, Lock, RLock, serialize, Value } from 'multiproc';
import t from 'tap';
import { interruptWait } from '../harness/interrupted-wait.js';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote, type RemoteObject } from '../harness/remote.js';
import { until } from '../harness/until.js';

leaveNothing(t);

const waiting = (name: string) => inspect(name).condition?.waiting;

/** Takes the condition's lock over there, waits, and gives the lock back. */
async function waitThere(there: RemoteObject, form: 'wait' | 'waitSync', time?: number): Promise<unknown> {
  await there.call('acquire');
  const woken = await there.call(form, time);
  await there.call('release');
  return woken;
}

t.test('without its lock it can neither be waited for nor notified', async (t) => {
  for (const condition of [new Condition(), new Condition(new Lock()), new Condition(new RLock())]) {
    await t.rejects(condition.wait(), { name: 'ValueError' });
    await t.rejects(
      condition.waitFor(() => true),
      { name: 'ValueError' },
    );
    t.throws(() => condition.waitSync(), { name: 'ValueError' });
    t.throws(() => condition.waitForSync(() => true), { name: 'ValueError' });
    t.throws(() => condition.notify(), { name: 'ValueError' });
    t.throws(() => condition.notifyAll(), { name: 'ValueError' });
    condition.close();
  }
  t.throws(() => new Condition({} as never), TypeError);
  t.throws(() => new Condition(new Lock(), { name: freshName(t) }), { name: 'ValueError' });
});

t.test('a wait that times out has the lock again, as deep as it was', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name });
  const there = await new Remote(t).make('Condition', null, { name });
  condition.acquireSync();
  condition.notify(5);
  condition.notifyAll();
  for (const time of [-1, 0, 30]) t.equal(condition.waitSync(time), false, 'an earlier notify is lost');
  condition.acquireSync();
  t.equal(inspect(name).lock?.depth, 2);
  const wait = condition.waitSync(400);
  t.equal(wait, false);
  t.equal(inspect(name).lock?.depth, 2);
  t.equal(await there.call('tryAcquire'), false);
  const freeMeanwhile = condition.wait();
  t.equal(await there.call('acquire'), true, 'the lock is free while it waits');
  await there.call('notify');
  await there.call('release');
  t.equal(await freeMeanwhile, true);
  condition.release();
  condition.release();
  t.throws(() => condition.release(), { name: 'ValueError' });
  t.equal(condition.locked(), false);
  condition.close();
});

t.test('notify(n) wakes n waits, in whatever process and form', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name });
  const there = await Promise.all([1, 2, 3, 4].map(() => new Remote(t).make('Condition', null, { name })));
  let woken = 0;
  const count = (value: unknown) => {
    t.equal(value, true);
    woken++;
  };
  for (let round = 0; round < 10; round++) {
    woken = 0;
    const waits = there.map((one, i) => waitThere(one, (i + round) % 2 === 0 ? 'wait' : 'waitSync').then(count));
    waits.push(condition.run(() => condition.wait()).then(count));
    waits.push(condition.run(() => condition.wait()).then(count));
    await until('six wait', () => waiting(name) === 6);
    await condition.run(() => condition.notify(2));
    await until('two are awake', () => woken === 2);
    t.equal(waiting(name), 4);
    await condition.run(() => condition.notify(3));
    await until('five are awake', () => woken === 5);
    t.equal(waiting(name), 1);
    await condition.run(() => condition.notifyAll());
    await Promise.all(waits);
    t.equal(waiting(name), 0);
  }
  condition.close();
});

t.test('killed waiters are skipped', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name });
  const there = await Promise.all([1, 2].map(() => new Remote(t).make('Condition', null, { name })));
  for (let round = 0; round < 4; round++) {
    const victim = new Remote(t);
    const condemned = await victim.make('Condition', null, { name });
    waitThere(condemned, round % 2 === 0 ? 'wait' : 'waitSync').catch(() => {});
    await until('the victim waits', () => waiting(name) === 1);
    const waits = there.map((one) => waitThere(one, round % 2 === 0 ? 'wait' : 'waitSync'));
    await until('all wait', () => waiting(name) === 3);
    await victim.kill();
    t.equal(waiting(name), 2);
    await condition.run(() => (round < 2 ? condition.notify(2) : condition.notifyAll()));
    t.strictSame(await Promise.all(waits), [true, true]);
  }
  condition.close();
});

t.test('what a waiter was notified of before it died passes to another', async (t) => {
  for (const form of ['wait', 'waitSync'] as const) {
    const name = freshName(t);
    const condition = new Condition(null, { name });
    const remotes = [new Remote(t), new Remote(t)] as const;
    const waits: Promise<unknown>[] = [];
    for (const [i, remote] of remotes.entries()) {
      const wait = waitThere(await remote.make('Condition', null, { name }), form);
      wait.catch(() => {});
      waits.push(wait);
      await until('it waits', () => waiting(name) === i + 1);
    }
    // A wait counts before the lock is free: whoever is stopped must not hold it.
    await condition.run(() => {});
    for (const remote of remotes) remote.program.kill('SIGSTOP');
    await condition.run(() => condition.notify());
    t.equal(waiting(name), 1);
    await remotes[0].kill();
    remotes[1].program.kill('SIGCONT');
    t.equal(await waits[1], true);
    condition.close();
  }
});

t.test('many tasks of one thread wait, some until a time or a signal', async (t) => {
  const condition = new Condition(new Lock());
  let entered = 0;
  const waits = Array.from({ length: 60 }, (_, i) => {
    const controller = new AbortController();
    if (i % 4 === 1) setTimeout(() => controller.abort(), 10);
    return condition.run(async () => {
      const options = i % 4 === 2 ? { timeout: 10 } : { signal: controller.signal };
      entered++;
      return await condition.wait(options).catch((error) => error.name);
    });
  });
  await Promise.all(waits.filter((_, i) => i % 4 === 1 || i % 4 === 2));
  await until('all have begun to wait', () => entered === 60);
  await condition.run(() => condition.notify(12));
  await condition.run(() => condition.notifyAll());
  const results = await Promise.all(waits);
  t.equal(results.filter((result) => result === true).length, 30);
  t.equal(results.filter((result) => result === false).length, 15);
  t.equal(results.filter((result) => result === 'AbortError').length, 15);
  t.equal(condition.locked(), false);
  condition.close();
});

t.test('waitFor() asks until the answer is true, and its time is that of the whole call', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name: `${name}c` });
  const state = new Value('i', 0, { name: `${name}v` });
  const remote = new Remote(t);
  const there = await remote.make('Condition', null, { name: `${name}c` });
  const stateThere = await remote.make('Value', 'i', 0, { name: `${name}v` });
  const raise = async (to: number) => {
    await there.call('acquire');
    await stateThere.set('value', to);
    await there.call('notify');
    await there.call('release');
  };
  const four = condition.run(() => condition.waitFor(() => state.value === 4));
  for (const to of [1, 2, 3, 4]) await raise(to);
  t.equal(await four, true);
  const started = performance.now();
  const never = condition.run(() => condition.waitFor(() => state.value === 9, 300));
  for (const to of [5, 6, 7]) await raise(to);
  t.equal(await never, false);
  t.ok(performance.now() - started >= 299);
  let calls = 0;
  const ask = () => {
    calls++;
    return 0;
  };
  condition.acquireSync();
  t.equal(condition.waitForSync(ask, -1), false);
  t.equal(calls, 1);
  t.equal(condition.waitForSync(ask, 20), false);
  t.throws(() => condition.waitForSync(async () => false, 20), TypeError);
  t.equal(
    condition.waitForSync(() => 'yes'),
    true,
  );
  condition.release();
  condition.close();
  state.close();
});

t.test('it works inside run(), hold() and runSync(), and wakes a blocked process', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name });
  const there = await new Remote(t).make('Condition', null, { name });
  const wake = async () => {
    await until('it waits', () => waiting(name) === 1);
    await there.call('acquire');
    await there.call('notify');
    await there.call('release');
  };
  const held = await condition.hold();
  const [woken] = await Promise.all([condition.wait(), wake()]);
  t.equal(woken, true);
  held.release();
  const inside = condition.run(() => condition.run(() => condition.wait()));
  await wake();
  t.equal(await inside, true);
  const blocked = waitThere(there, 'waitSync');
  await until('it waits', () => waiting(name) === 1);
  condition.runSync(() => condition.notify());
  t.equal(await blocked, true);
  t.equal(condition.locked(), false);
  condition.close();
});

t.test('Ctrl-C ends a wait, which has its lock again', async (t) => {
  const condition = new Condition();
  await interruptWait(t, condition);
  condition.close();
});

t.test('names, kinds, handles and closing', async (t) => {
  const name = freshName(t);
  t.throws(() => Condition.open(name), { code: 'ENOENT' });
  const condition = Condition.create(null, { name });
  t.throws(() => Condition.create(null, { name }), { code: 'EEXIST' });
  t.throws(() => new Event({ name }), { code: 'ERR_MULTIPROC_KIND' });
  const lock = new Lock({ name: freshName(t) });
  t.throws(() => new Condition(lock, { name }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => Condition.open(name, lock), { code: 'ERR_MULTIPROC_KIND' });
  Condition.open(name).close();
  await condition.acquire();
  const pending = condition.wait();
  condition.close();
  condition.close();
  await t.rejects(pending, { name: 'ClosedError' });
  t.throws(() => condition.notify(), { name: 'ClosedError' });
  Condition.unlink(name);

  const shared = new Condition(new Lock());
  const remote = new Remote(t);
  const there = await remote.attach(serialize(shared));
  const waits = waitThere(there, 'wait', 30_000);
  const again = deserialize(serialize(shared)) as Condition;
  for (let woken = false; !woken; ) {
    await again.run(() => again.notify());
    woken = await Promise.race([waits.then(() => true), new Promise<false>((r) => setTimeout(() => r(false), 20))]);
  }
  t.equal(await waits, true);
  // Whoever closes it last removes its memory; who is killed does not.
  await remote.kill();
  again.close();
  shared.close();
  lock.close();
});

t.test('a named condition carries the lock that it was made with', async (t) => {
  for (const LockClass of [Lock, RLock]) {
    const name = freshName(t);
    const lock = new LockClass({ name: freshName(t) });
    const condition = new Condition(lock, { name });
    const there = await new Remote(t).make('Condition', null, { name });
    const waits = waitThere(there, 'wait', 30_000);
    await until('it waits', () => waiting(name) === 1);
    lock.acquireSync();
    const opened = Condition.open(name);
    t.equal(opened.locked(), true, 'it is the same lock');
    opened.notify();
    lock.release();
    t.equal(await waits, true);

    const other = new LockClass({ name: freshName(t) });
    const otherKind = new (LockClass === Lock ? RLock : Lock)({ name: freshName(t) });
    for (const wrong of [other, otherKind]) {
      t.throws(() => new Condition(wrong, { name }), { code: 'ERR_MULTIPROC_KIND', message: /lock/ });
      t.throws(() => Condition.open(name, wrong), { code: 'ERR_MULTIPROC_KIND', message: /lock/ });
    }
    const same = [new Condition(lock, { name }), Condition.open(name, lock)];
    const arrived = deserialize(serialize(opened)) as Condition;
    t.equal(arrived.tryAcquire(), true);
    t.equal(lock.locked(), true);
    arrived.release();

    lock.unlink();
    t.throws(() => new Condition(null, { name }), { code: 'ENOENT' });
    t.throws(() => Condition.open(name), { code: 'ENOENT' });
    for (const each of [...same, arrived, opened, condition, lock, other, otherKind]) each.close();
  }
});

t.test('a waiter killed while it waits never holds up notifyAll', async (t) => {
  for (const form of ['wait', 'waitSync'] as const) {
    const name = freshName(t);
    const condition = new Condition(null, { name });
    const remotes = [1, 2, 3].map(() => new Remote(t));
    const waits: Promise<unknown>[] = [];
    for (const remote of remotes) {
      const wait = waitThere(await remote.make('Condition', null, { name }), form);
      wait.catch(() => {});
      waits.push(wait);
    }
    await until('three wait', () => waiting(name) === 3);
    await remotes[0]?.kill();
    condition.runSync(() => condition.notifyAll());
    t.strictSame(await Promise.all(waits.slice(1)), [true, true]);
    t.equal(waiting(name), 0);
    condition.close();
  }
});

t.test('a notifier killed before it frees the lock does not take its notification along', async (t) => {
  for (const form of ['wait', 'waitSync'] as const) {
    const name = freshName(t);
    const condition = new Condition(null, { name });
    const notifier = new Remote(t);
    const notifying = await notifier.make('Condition', null, { name });
    const wait = waitThere(await new Remote(t).make('Condition', null, { name }), form);
    await until('it waits', () => waiting(name) === 1);
    await notifying.call('acquire');
    await notifying.call('notify');
    await notifier.kill();
    t.equal(await wait, true);
    condition.close();
  }
});

const workerSource = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Condition } = require('multiproc');
  const condition = new Condition(null, { name: workerData.name });
  parentPort.on('message', (time) => {
    const woken = condition.runSync(() => condition.waitSync(time));
    parentPort.postMessage(woken);
  });
  parentPort.postMessage('ready');
`;

t.test('worker threads and processes wait together: time out, are woken one by one, or all at once', async (t) => {
  const name = freshName(t);
  const condition = new Condition(null, { name });
  const there = await Promise.all([1, 2, 3].map(() => new Remote(t).make('Condition', null, { name })));
  const threads = [1, 2, 3].map(() => new Worker(workerSource, { eval: true, workerData: { name } }));
  for (const thread of threads) t.teardown(() => thread.terminate());
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  const everybody = (time?: number) => [
    ...there.map((one, i) => waitThere(one, i % 2 === 0 ? 'wait' : 'waitSync', time)),
    ...threads.map(async (thread) => {
      const answer = once(thread, 'message');
      thread.postMessage(time);
      return (await answer)[0];
    }),
  ];
  t.strictSame(await Promise.all(everybody(100)), Array(6).fill(false));
  t.equal(waiting(name), 0);
  let woken = 0;
  const waits = everybody().map(async (wait) => {
    t.equal(await wait, true);
    woken++;
  });
  await until('six wait', () => waiting(name) === 6);
  for (let one = 1; one <= 2; one++) {
    condition.runSync(() => condition.notify());
    await until('one more is awake', () => woken === one);
    t.equal(waiting(name), 6 - one);
  }
  condition.runSync(() => condition.notifyAll());
  await Promise.all(waits);
  t.equal(waiting(name), 0);
  t.equal(condition.locked(), false);
  condition.close();
});
