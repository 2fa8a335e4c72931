/** Locks, semaphores, conditions, barriers, events, queues and containers of a manager do what Python's do. */

import { inspect } from 'node:util';
import {
  type ConditionProxy,
  type LockProxy,
  Manager,
  Process,
  type QueueProxy,
  type SemaphoreProxy,
  type SyncManager,
} from 'multiproc';
import t from 'tap';
import { interruptWait } from '../harness/interrupted-wait.js';
import { leaveNothing } from '../harness/leftovers.js';
import {
  ActingManager,
  act,
  awaitEvent,
  countTo,
  passTwice,
  putAll,
  sleepAt,
  workOff,
} from '../programs/manager-targets.js';

t.setTimeout(120_000);
leaveNothing(t);

// biome-ignore lint/suspicious/noExplicitAny: both forms of a proxy have the same methods
type Untyped = any;

let manager: SyncManager;
t.before(async () => {
  manager = await Manager();
});
t.teardown(() => manager.shutdown());

function start(target: (...args: never[]) => unknown, ...args: unknown[]): Process {
  const child = new Process({ target, args });
  child.start();
  return child;
}

async function succeed(t: { equal(found: unknown, wanted: unknown): unknown }, children: Process[]): Promise<void> {
  for (const child of children) {
    await child.join();
    t.equal(child.exitCode, 0);
  }
}

for (const form of ['promise', 'sync']) {
  const of = (proxy: object): Untyped => (form === 'sync' ? (proxy as Untyped).sync : proxy);
  const fails = async (t: Untyped, act: () => unknown, error: object) =>
    form === 'sync' ? t.throws(act, error) : t.rejects(async () => act(), error);

  t.test(`locks and semaphores, ${form}`, async (t) => {
    const lock = of(await manager.Lock());
    t.equal(await lock.acquire(), true);
    t.equal(await lock.tryAcquire(), false, 'its holder, too');
    t.equal(await lock.acquire(20), false);
    t.equal(await lock.release(), undefined);
    await fails(t, () => lock.release(), { name: 'ValueError' });
    t.equal(await lock.run(async () => lock.locked()), true);
    t.equal(await lock.locked(), false);

    const rlock = of(await manager.RLock());
    for (let i = 0; i < 3; i++) t.equal(await rlock.acquire(), true);
    for (let i = 0; i < 3; i++) t.equal(await rlock.release(), undefined);
    await fails(t, () => rlock.release(), { name: 'ValueError' });

    const semaphore = of(await manager.Semaphore(2));
    const counts: number[] = [await semaphore.getValue()];
    for (const step of ['acquire', 'acquire', 'tryAcquire', 'release', 'release', 'release', 'release']) {
      t.equal(await semaphore[step](), step === 'release' ? undefined : step === 'acquire');
      counts.push(await semaphore.getValue());
    }
    t.strictSame(counts, [2, 1, 0, 0, 1, 2, 3, 4]);
    const bounded = of(await manager.BoundedSemaphore(2));
    await bounded.acquire();
    await bounded.release();
    await fails(t, () => bounded.release(), { name: 'ValueError' });
    t.equal(await bounded.getValue(), 2);
    const none = of(await manager.Semaphore(0));
    t.equal(await none.tryAcquire(), false);
    const began = performance.now();
    t.equal(await none.acquire(50), false);
    t.ok(performance.now() - began >= 49);
  });

  t.test(`a condition, ${form}`, async (t) => {
    const condition = of(await manager.Condition());
    await fails(t, () => condition.wait(), { name: 'ValueError' });
    await fails(t, () => condition.notify(), { name: 'ValueError' });
    await condition.acquire();
    t.equal(await condition.wait(0), false);
    const began = performance.now();
    t.equal(await condition.wait(50), false);
    t.ok(performance.now() - began >= 49);
    t.equal(await condition.locked(), true, 'it is held again');
    t.equal(await condition.waitFor(() => false, 50), false);
    await condition.release();
  });
}

t.test('one notify wakes one sleeper; notifyAll wakes all of them; a time-out leaves nothing', async (t) => {
  const condition = (await manager.Condition(await manager.Lock())) as ConditionProxy;
  const [sleeping, woken] = (await Promise.all([manager.Semaphore(0), manager.Semaphore(0)])) as SemaphoreProxy[];
  if (sleeping === undefined || woken === undefined) return;
  const asleep = async (count: number) => {
    for (let i = 0; i < count; i++) await sleeping.acquire();
    // Who has said so holds the lock until it waits.
    await condition.acquire();
    await condition.release();
  };
  const notify = (how: 'notify' | 'notifyAll') => condition.run(() => condition[how]());
  const two = [1, 2].map(() => start(sleepAt, condition, sleeping, woken));
  await asleep(2);
  t.equal(await woken.tryAcquire(), false);
  for (let i = 0; i < 2; i++) {
    await notify('notify');
    await woken.acquire();
    t.equal(await woken.tryAcquire(), false, 'one at a time');
  }
  await succeed(t, two);
  await succeed(
    t,
    [1, 2].map(() => start(sleepAt, condition, sleeping, woken, 20)),
  );
  for (let i = 0; i < 2; i++) await woken.acquire();
  const three = [1, 2, 3].map(() => start(sleepAt, condition, sleeping, woken));
  await asleep(5);
  await notify('notifyAll');
  for (let i = 0; i < 3; i++) await woken.acquire();
  await succeed(t, three);
});

t.test('Ctrl-C ends a wait for a condition, which has its lock again', async (t) => {
  const condition = (await manager.Condition()) as ConditionProxy;
  await interruptWait(t, condition);
});

t.test('two processes wait for what the other one changes', async (t) => {
  const condition = await manager.Condition();
  const value = await manager.Value('i', 10);
  await condition.acquire();
  const child = start(countTo, condition, value, 4);
  t.equal(await condition.waitFor(async () => (await value.get()) === 0), true);
  await condition.release();
  for (let i = 0; i < 4; i++) {
    await condition.run(async () => {
      await value.add(1);
      await condition.notify();
    });
  }
  await succeed(t, [child]);
});

t.test('five parties pass a barrier in lockstep; the action runs once and before anybody goes on', async (t) => {
  const acting = new ActingManager();
  await acting.start();
  t.teardown(() => acting.shutdown());
  const acted = await acting.getActed();
  const results = await acting.list();
  const barrier = await acting.Barrier(5, { action: act });
  const children = [1, 2, 3, 4].map(() => start(passTwice, barrier, acted, results));
  const second = barrier.wait().then(() => barrier.wait());
  await succeed(t, children);
  await second;
  const found = (await results.getValue()) as number[][];
  for (const column of [0, 2]) {
    const numbers = found.map((row) => row[column] as number);
    t.equal(new Set(numbers).size, 4, 'each number once');
    t.ok(numbers.every((number) => number >= 0 && number < 5));
  }
  t.strictSame(
    found.map(([, first, , second]) => [first, second]),
    Array(4).fill([1, 2]),
  );
  t.equal(await barrier.nWaiting, 0);
  t.equal(await barrier.broken, false);
  const alone = await manager.Barrier(1);
  t.equal(await alone.wait(), 0);
  t.equal(alone.sync.wait(), 0);
});

t.test('a barrier that is aborted, reset or late lets nobody through', async (t) => {
  const barrier = await manager.Barrier(5);
  const enter = (count: number) => Promise.allSettled(Array.from({ length: count }, () => barrier.wait()));
  const failed = { status: 'rejected', reason: { name: 'BrokenBarrierError' } };
  const inside = async (count: number) => {
    while ((await barrier.nWaiting) < count) {}
  };
  let waiting = enter(4);
  await inside(4);
  await barrier.abort();
  t.match(await waiting, Array(4).fill(failed));
  t.equal(await barrier.broken, true);
  t.throws(() => barrier.sync.wait(), { name: 'BrokenBarrierError' });
  await barrier.reset();
  waiting = enter(4);
  await inside(4);
  await barrier.reset();
  t.match(await waiting, Array(4).fill(failed));
  t.equal(await barrier.broken, false);
  t.strictSame((await enter(5)).map((each) => (each as Untyped).value).sort(), [0, 1, 2, 3, 4]);
  const late = await manager.Barrier(2, { timeout: 50 });
  await t.rejects(late.wait(), { name: 'BrokenBarrierError' });
  await late.reset();
  const both = [late.wait(30_000), late.wait(30_000)];
  t.strictSame((await Promise.all(both)).sort(), [0, 1], 'a time-out of its own goes before');
});

t.test('an event frees everybody, though it is cleared at once', async (t) => {
  const event = await manager.Event();
  const waiting = await manager.Semaphore(0);
  const results = await manager.Queue();
  const children = [1, 2, 3].map(() => start(awaitEvent, event, waiting, results));
  for (let i = 0; i < 3; i++) await waiting.acquire();
  // What a client sent first is done first.
  t.equal(event.sync.set(), undefined);
  event.sync.clear();
  event.sync.set();
  event.sync.clear();
  for (let i = 0; i < 3; i++) t.equal(await results.get(), true);
  await succeed(t, children);
  t.equal(await event.wait(0), false);
});

t.test('queues: forms of put and get, order, and work that is acknowledged', async (t) => {
  const queue = (await manager.Queue<number>(6)) as QueueProxy<number>;
  t.ok((await queue.empty()) && !(await queue.full()));
  for (const put of ['put', 'putNoWait', 'tryPut'] as const) await queue[put](1);
  for (const put of ['put', 'putNoWait', 'tryPut'] as const) queue.sync[put](2);
  t.ok(!(await queue.empty()) && (await queue.full()));
  await t.rejects(queue.putNoWait(3), { name: 'Full' });
  t.equal(await queue.tryPut(3), false);
  await t.rejects(queue.put(3, 0), { name: 'Full' });
  const began = performance.now();
  t.throws(() => queue.sync.put(3, 50), { name: 'Full' });
  t.ok(performance.now() - began >= 49);
  t.strictSame(await queue.getMany(10), [1, 1, 1, 2, 2, 2]);
  await t.rejects(queue.getNoWait(), { name: 'Empty' });
  await t.rejects(queue.get(50), { name: 'Empty' });
  t.equal(queue.sync.tryGet(), undefined);
  await t.rejects(queue.put(undefined as never), TypeError);

  const endless = await manager.Queue<number>();
  await putAll(endless, [0, 1, 2]);
  await succeed(t, [start(putAll, endless, [3, 4, 5])]);
  t.strictSame(await endless.getMany(10), [0, 1, 2, 3, 4, 5]);
  await endless.end();
  await t.rejects(endless.get(), { name: 'EOFError' });

  const jobs = await manager.JoinableQueue<number | null>();
  const done = await manager.list<number>();
  const workers = [1, 2].map(() => start(workOff, jobs, done));
  for (let i = 0; i < 10; i++) await jobs.put(i);
  t.equal(await jobs.join(), true);
  t.strictSame([...((await done.getValue()) as number[])].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const _ of workers) await jobs.put(null);
  await succeed(t, workers);
  await t.rejects(jobs.taskDone(), { name: 'ValueError' });
});

t.test('iterating over a dict gives its keys in order, once, and fails when it has changed', async (t) => {
  const dict = await manager.dict<unknown>({ one: 1, two: 2, three: 3 });
  const keys: unknown[] = [];
  for await (const key of dict) keys.push(key);
  t.strictSame(keys, ['one', 'two', 'three']);
  const iterator = dict[Symbol.asyncIterator]();
  await iterator.next();
  await dict.clear();
  await t.rejects(iterator.next(), { code: 'ERR_MULTIPROC_CHANGED' });
  const shared = (await (dict as Untyped).iter()) as Untyped;
  for (let i = 0; i < 2; i++) t.equal((await shared.next()).done, true, 'it stays exhausted');
  await dict.set('late', 1);
  t.equal((await shared.next()).done, true);
});

t.test('dicts in dicts and lists stay what they are, whoever holds or drops them', async (t) => {
  const outer = await manager.dict<Untyped>();
  const [first, second] = [await manager.dict<number>({ a: 1 }), await manager.dict<number>()];
  outer.sync.first = first;
  await outer.set('second', second);
  const list = await manager.list<Untyped>([first, [1, 2]]);
  (await outer.get('first')).sync.b = 2;
  t.strictSame(await first.getValue(), { a: 1, b: 2 });
  await (await list.at(0)).set('c', 3);
  t.equal(await first.get('c'), 3);
  t.strictSame(await list.at(1), [1, 2], 'a plain list comes back as one');
  first[Symbol.dispose]();
  await outer.clear();
  t.strictSame(await (await list.at(0)).getValue(), { a: 1, b: 2, c: 3 }, 'it is still in the list');
  await second.set('x', 1);
  t.equal(second.sync.x, 1);
});

t.test('copies are copies; proxies are equal to nothing else', async (t) => {
  const dict = await manager.dict<Untyped>({ a: [] });
  (await dict.get('a')).push(1);
  t.strictSame(await dict.get('a'), []);
  const changed = await dict.get('a');
  changed.push(1);
  await dict.set('a', changed);
  t.strictSame(dict.sync.a, [1]);
  t.not(await manager.list([1]), await manager.list([1]));
  t.strictSame(await dict.keys(), ['a']);
  t.equal(await dict.get('missing'), undefined);
  await t.rejects(dict.pop('missing'), { name: 'ValueError' });
  t.equal(await dict.pop('missing', 5), 5);
  t.equal(await dict.setDefault('b', 2), 2);
  await dict.update({ c: 3 }, [['d', 4]]);
  t.equal(await dict.has('d'), true);
  t.equal(await dict.size, 4);
});

/** A call, what it returns (an Error: the name of what it throws), and what is there afterwards. */
type Step = [method: string, args: unknown[], returns: unknown, content: unknown];

const containers: Record<string, { make(): Promise<Untyped>; steps: Step[] }> = {
  'a list': {
    make: () => manager.list([3, 1, 2]),
    steps: [
      ['append', [1], undefined, [3, 1, 2, 1]],
      ['extend', [new Set([5])], undefined, [3, 1, 2, 1, 5]],
      ['insert', [1, 'new'], undefined, [3, 'new', 1, 2, 1, 5]],
      ['index', [1, 3], 4, [3, 'new', 1, 2, 1, 5]],
      ['index', [1, 0, 3], 2, [3, 'new', 1, 2, 1, 5]],
      ['index', [5, 0, -1], new Error('ValueError'), [3, 'new', 1, 2, 1, 5]],
      ['index', ['missing'], new Error('ValueError'), [3, 'new', 1, 2, 1, 5]],
      ['remove', ['new'], undefined, [3, 1, 2, 1, 5]],
      ['remove', ['new'], new Error('ValueError'), [3, 1, 2, 1, 5]],
      ['count', [1], 2, [3, 1, 2, 1, 5]],
      ['pop', [], 5, [3, 1, 2, 1]],
      ['pop', [0], 3, [1, 2, 1]],
      ['pop', [3], new Error('RangeError'), [1, 2, 1]],
      ['pop', [-4], new Error('RangeError'), [1, 2, 1]],
      ['sort', [], undefined, [1, 1, 2]],
      ['reverse', [], undefined, [2, 1, 1]],
      ['set', [-1, 9], undefined, [2, 1, 9]],
      ['get', [0], 2, [2, 1, 9]],
      ['delete', [1], undefined, [2, 9]],
      ['keys', [], [0, 1], [2, 9]],
      ['values', [], [2, 9], [2, 9]],
      [
        'entries',
        [],
        [
          [0, 2],
          [1, 9],
        ],
        [2, 9],
      ],
      ['copy', [], [2, 9], [2, 9]],
      ['clear', [], undefined, []],
      ['pop', [], new Error('RangeError'), []],
      ['shift', [], undefined, []],
      ['pop', [0], new Error('RangeError'), []],
    ],
  },
  'a dict': {
    make: () => manager.dict({ a: 1, b: 2 }),
    steps: [
      ['set', ['c', 3], undefined, { a: 1, b: 2, c: 3 }],
      ['get', ['x', 7], 7, { a: 1, b: 2, c: 3 }],
      ['values', [], [1, 2, 3], { a: 1, b: 2, c: 3 }],
      [
        'entries',
        [],
        [
          ['a', 1],
          ['b', 2],
          ['c', 3],
        ],
        { a: 1, b: 2, c: 3 },
      ],
      [
        'items',
        [],
        [
          ['a', 1],
          ['b', 2],
          ['c', 3],
        ],
        { a: 1, b: 2, c: 3 },
      ],
      ['popItem', [], ['c', 3], { a: 1, b: 2 }],
      ['delete', ['b'], true, { a: 1 }],
      ['delete', ['b'], false, { a: 1 }],
      ['copy', [], { a: 1 }, { a: 1 }],
      ['clear', [], undefined, {}],
      ['popItem', [], new Error('ValueError'), {}],
    ],
  },
  'a set': {
    make: () => manager.set([1, 2]),
    steps: [
      ['add', [3], undefined, new Set([1, 2, 3])],
      ['has', [3], true, new Set([1, 2, 3])],
      ['update', [[4], [5]], undefined, new Set([1, 2, 3, 4, 5])],
      ['delete', [5], true, new Set([1, 2, 3, 4])],
      ['discard', [5], undefined, new Set([1, 2, 3, 4])],
      ['remove', [4], undefined, new Set([1, 2, 3])],
      ['remove', [4], new Error('ValueError'), new Set([1, 2, 3])],
      ['union', [[9]], new Set([1, 2, 3, 9]), new Set([1, 2, 3])],
      ['intersection', [[1, 2], [2]], new Set([2]), new Set([1, 2, 3])],
      ['difference', [[1], [3]], new Set([2]), new Set([1, 2, 3])],
      ['symmetricDifference', [[3, 4]], new Set([1, 2, 4]), new Set([1, 2, 3])],
      ['isSubset', [[1, 2, 3, 4]], true, new Set([1, 2, 3])],
      ['isSuperset', [[4]], false, new Set([1, 2, 3])],
      ['isDisjoint', [[4]], true, new Set([1, 2, 3])],
      ['keys', [], [1, 2, 3], new Set([1, 2, 3])],
      ['values', [], [1, 2, 3], new Set([1, 2, 3])],
      [
        'entries',
        [],
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        new Set([1, 2, 3]),
      ],
      ['copy', [], new Set([1, 2, 3]), new Set([1, 2, 3])],
      ['pop', [], 1, new Set([2, 3])],
      ['clear', [], undefined, new Set()],
      ['pop', [], new Error('ValueError'), new Set()],
    ],
  },
};

for (const [what, { make, steps }] of Object.entries(containers)) {
  t.test(`${what} does all that one in memory does`, async (t) => {
    const proxies = { promise: await make(), sync: await make() };
    for (const [form, proxy] of Object.entries(proxies)) {
      for (const [method, args, returns, content] of steps) {
        const call = async () => (form === 'sync' ? proxy.sync : proxy)[method](...args);
        if (returns instanceof Error) await t.rejects(call(), { name: returns.message }, method);
        else t.strictSame(await call(), returns, `${form} ${method}`);
        t.strictSame(await proxy.getValue(), content, `${form} ${method}: what is there`);
      }
    }
  });
}

t.test('a namespace shows its public names', async (t) => {
  const ns = await manager.Namespace();
  ns.sync.name = 'Bob';
  await ns.set('job', 'Builder');
  await ns.set('_hidden', 'hidden');
  t.equal(await ns.get('job'), 'Builder');
  delete ns.sync.job;
  t.equal(await ns.has('job'), false);
  t.equal(await ns.toText(), "Namespace(name='Bob')");
  t.equal(inspect(ns.sync), "Namespace(name='Bob')");
  t.match(inspect(ns), /^<NamespaceProxy object, typeid 'Namespace' at /);
});

t.test('words that Python writes as one are known, too; the blocking twin shows its content', async (t) => {
  const dict = await manager.dict({ a: 1 });
  t.equal(await dict.setdefault('b', 2), 2);
  t.equal(dict.sync.setdefault('b', 3), 2);
  t.equal(inspect(dict.sync), '{ a: 1, b: 2 }');
  t.strictSame(await dict.popitem(), ['b', 2]);
  const set = await manager.set([1, 2]);
  t.strictSame(
    [await set.issubset([1, 2, 3]), await set.issuperset([3]), await set.isdisjoint([3])],
    [true, false, true],
  );
  const list = await manager.list([1, 'two']);
  t.equal(inspect([list.sync]), "[ [ 1, 'two' ] ]");
  const event = await manager.Event();
  t.equal(inspect(event.sync), inspect(event));
});

t.test('a lock of the manager as one of this thread', async (t) => {
  const lock = (await manager.Lock()) as LockProxy;
  const held = await lock.hold();
  await t.rejects(lock.hold(20), { name: 'TimeoutError' });
  await held.release();
  await held.release();
  t.equal(await lock.locked(), false);
});
