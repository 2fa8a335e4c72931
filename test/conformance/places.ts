/**
 * What locks, semaphores, events, values and queues promise in their promise forms, wherever they live: run against the shared memory
 * of this machine, and against a Redis server. Each pair of objects with one name stands for two programs.
 */
import type * as multiproc from 'multiproc';
import type { RedisContext } from 'multiproc/redis';
import type { Test } from 'tap';

/** The classes under test. */
export type Place = Pick<
  typeof multiproc,
  | 'Lock'
  | 'RLock'
  | 'Semaphore'
  | 'BoundedSemaphore'
  | 'Event'
  | 'Value'
  | 'Queue'
  | 'JoinableQueue'
  | 'SimpleQueue'
  | 'SharedMap'
>;
export type AnyPlace = Place | RedisContext;

/** An object that is gone with the test. */
type Closing = { close(): void; unlink(): unknown };

let count = 0;

export function placesSuite(t: Test, open: () => AnyPlace): void {
  // The two kinds of classes differ in what a promise form may return besides a promise; here everything is awaited.
  const place = () => open() as RedisContext;
  const name = () => `places.${process.pid}.${++count}`;
  const pair = <T extends Closing>(t: Test, make: () => T): [T, T] => {
    const both: [T, T] = [make(), make()];
    t.teardown(async () => {
      await both[0].unlink();
      for (const each of both) each.close();
    });
    return both;
  };

  t.test('a lock has one holder', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Lock)(options));
    t.equal(one.name, options.name);
    t.equal(await one.acquire(), true);
    t.equal(await other.locked(), true);
    t.equal(await other.tryAcquire(), false);
    t.equal(await other.acquire(10), false);
    t.equal(one.ownerDied, false);
    const waiting = other.acquire();
    await one.release();
    t.equal(await waiting, true);
    t.equal(await one.tryAcquire(), false);
    await other.release();
    t.equal(await one.locked(), false);
    await t.rejects(async () => one.release(), { code: 'ERR_MULTIPROC_VALUE' });
    await t.rejects(
      other.run(() => other.run(() => 'never', 10)),
      { code: 'ERR_MULTIPROC_TIMEOUT' },
    );
    t.equal(await other.run(async () => 'result'), 'result');
    await t.rejects(
      other.run(() => {
        throw new RangeError('of the function');
      }),
      { name: 'RangeError', message: 'of the function' },
    );
    const hold = await one.hold();
    t.equal(await other.tryAcquire(), false);
    await hold.release();
    await hold.release();
    t.equal(await other.tryAcquire(), true);
    await other.release();
  });

  t.test('a wait is ended by its signal, and takes nothing', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Lock)(options));
    await one.acquire();
    const controller = new AbortController();
    const waiting = other.acquire({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await t.rejects(waiting, { message: 'enough' });
    await t.rejects(other.acquire({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
    await one.release();
    t.equal(await one.acquire(), true);
    await one.release();
    await t.rejects(async () => one.acquire(0.5), { name: 'RangeError' });
    await t.rejects(async () => one.acquire({ timeot: 5 } as never), { name: 'TypeError' });
  });

  t.test('each of many tasks has the lock alone', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Lock)(options));
    let inside = 0;
    let most = 0;
    const task = async (lock: typeof one) => {
      for (let i = 0; i < 5; i++) {
        await lock.run(async () => {
          most = Math.max(most, ++inside);
          await new Promise(setImmediate);
          inside--;
        });
      }
    };
    await Promise.all([one, other, one, other].map(task));
    t.equal(most, 1);
  });

  t.test('a closed object says so, and what waits there fails', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Lock)(options));
    await one.acquire();
    const waiting = other.acquire();
    other.close();
    other.close();
    await t.rejects(waiting, { code: 'ERR_MULTIPROC_CLOSED' });
    await t.rejects(async () => other.acquire(), { code: 'ERR_MULTIPROC_CLOSED' });
    await one.release();
  });

  t.test('code inside a run takes an RLock again, a sibling waits', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().RLock)(options));
    const order: string[] = [];
    const task = (title: string, lock: typeof one) =>
      lock.run(async () => {
        order.push(title);
        await lock.run(async () => {
          await lock.acquire();
          order.push(title);
          await lock.release();
        });
        await t.rejects(async () => lock.release(), { code: 'ERR_MULTIPROC_VALUE' });
      });
    await Promise.all([task('a', one), task('b', one)]);
    t.strictSame(order, ['a', 'a', 'b', 'b']);
    t.equal(await other.locked(), false);
    await task('c', other);
  });

  t.test('a semaphore has so many permits', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Semaphore)(2, options));
    t.equal(await one.getValue(), 2);
    t.equal(await one.acquire(), true);
    t.equal(await other.tryAcquire(), true);
    t.equal(await one.tryAcquire(), false);
    t.equal(await one.acquire(10), false);
    const waiting = Promise.all([other.acquire(), one.acquire(), other.acquire()]);
    await one.release(3);
    t.strictSame(await waiting, [true, true, true]);
    t.equal(await other.getValue(), 0);
    await other.release(4);
    t.equal(await one.getValue(), 4, 'above the initial value');
    await t.rejects(async () => one.release(0), { code: 'ERR_MULTIPROC_VALUE' });
    t.equal(await one.run(() => one.getValue()), 3);
    t.throws(() => new (place().Semaphore)(-1, options), { code: 'ERR_MULTIPROC_VALUE' });
    t.throws(() => new (place().Semaphore)('2' as never, options), { name: 'TypeError' });
  });

  t.test('a bounded semaphore refuses a release too many', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().BoundedSemaphore)(1, options));
    await one.acquire();
    await other.release();
    await t.rejects(async () => one.release(), { code: 'ERR_MULTIPROC_VALUE' });
    t.equal(await one.getValue(), 1);
  });

  t.test('a robust semaphore knows its holders', async (t) => {
    const options = { name: name(), robust: true };
    const [one, other] = pair(t, () => new (place().Semaphore)(2, options));
    await t.rejects(async () => other.release(), { code: 'ERR_MULTIPROC_VALUE' });
    await one.acquire();
    t.equal(await other.getValue(), 1);
    await one.release();
    t.equal(await other.getValue(), 2);
  });

  t.test('an event wakes all that wait', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Event)(options));
    t.equal(await one.isSet(), false);
    t.equal(await one.wait(10), false);
    const waiting = Promise.all([one.wait(), other.wait(), other.wait()]);
    await one.set();
    t.strictSame(await waiting, [true, true, true]);
    t.equal(await other.isSet(), true);
    t.equal(await other.wait(0), true);
    await other.clear();
    t.equal(await one.wait(0), false);
  });

  t.test('a value is changed atomically', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Value)('i', 5, options));
    t.equal(await one.value, 5);
    t.equal(await one.add(3), 5);
    t.equal(await other.sub(1), 8);
    t.equal(await one.and(6), 7);
    t.equal(await one.or(9), 6);
    t.equal(await one.xor(1), 15);
    t.equal(await one.exchange(2 ** 31 - 1), 14);
    t.equal(await one.add(1), 2 ** 31 - 1);
    t.equal(await other.value, -(2 ** 31), 'as in C');
    t.equal(await one.compareExchange(0, 1), -(2 ** 31));
    t.equal(await one.compareExchange(-(2 ** 31), 0), -(2 ** 31));
    const adding = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).update((value) => value + i));
    await Promise.all(adding);
    t.equal(await one.value, 190);
    await t.rejects(async () => one.add(2 ** 40), { name: 'RangeError' });
    await t.rejects(async () => one.add('1' as never), { name: 'TypeError' });
    await t.rejects(async () => one.update((async () => 1) as never), { name: 'TypeError' });
    t.throws(() => new (place().Value)('no type' as never, 0 as never, options), { name: 'TypeError' });
  });

  for (const [type, first, second] of [
    ['d', 1.5, Number.POSITIVE_INFINITY],
    ['q', 2n ** 62n, -5n],
    ['?', true, false],
    ['B', 255, 0],
  ] as const) {
    t.test(`a value of type ${type}`, async (t) => {
      const options = { name: name() };
      const [one, other] = pair(t, () => new (place().Value)(type as 'd', first as number, options));
      t.equal(await one.value, first);
      t.equal(await one.update(() => second as number), second);
      t.equal(await other.value, second);
      if (type === 'd') await t.rejects(async () => one.add(1), { name: 'TypeError' });
      if (type === 'q') t.equal(await one.add(7n as never), -5n);
    });
  }

  t.test('a queue gives each message to one reader, in the order of its producer', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Queue)<unknown>(0, options));
    const messages = [
      1,
      'two',
      { three: [3n, null, new Date(3)] },
      Buffer.from([0, 255]),
      new Map([[1, new Set([2])]]),
    ];
    for (const message of messages) await one.put(message);
    t.equal(await other.qsize(), 5);
    t.equal(await other.full(), false);
    const got: unknown[] = [];
    for (let i = 0; i < messages.length; i++) got.push(await other.get());
    t.strictSame(got, messages);
    t.equal(await one.empty(), true);
    t.equal(await one.tryGet(), undefined);
    await t.rejects(async () => one.get(10), { code: 'ERR_MULTIPROC_EMPTY' });
    await t.rejects(async () => one.getNoWait(), { code: 'ERR_MULTIPROC_EMPTY' });
    const waiting = Promise.all([one.get(), other.get()]);
    await one.putMany(['a', 'b']);
    t.strictSame((await waiting).sort(), ['a', 'b']);
    await one.putMany([1, 2, 3]);
    t.strictSame(await one.getMany(2), [1, 2]);
    t.strictSame(await one.getMany(2), [3]);
    t.strictSame(await one.getMany(2, 10), []);
    await t.rejects(async () => one.put(undefined), { name: 'TypeError' });
    await t.rejects(async () => one.put(() => 1), { name: 'TypeError' });
    await t.rejects(async () => one.put({ callback: () => 1 }), { message: /callback/ });
  });

  t.test('a bounded queue lets its producers wait', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Queue)<number>(2, options));
    await one.put(1);
    t.equal(await one.tryPut(2), true);
    t.equal(await one.full(), true);
    t.equal(await other.tryPut(3), false);
    await t.rejects(async () => other.put(3, 10), { code: 'ERR_MULTIPROC_FULL' });
    await t.rejects(async () => other.putNoWait(3), { code: 'ERR_MULTIPROC_FULL' });
    const putting = Promise.all([3, 4, 5].map((i) => one.put(i)));
    const got: number[] = [];
    for (let i = 0; i < 5; i++) got.push(await other.get());
    await putting;
    t.strictSame(got, [1, 2, 3, 4, 5]);
    const controller = new AbortController();
    const many = other.putMany([1, 2, 3], { signal: controller.signal });
    t.equal(await one.get(), 1);
    await many;
    t.equal(await one.qsize(), 2);
  });

  t.test('a queue that has ended is drained', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().Queue)<number>(0, options));
    await one.putMany([1, 2]);
    await one.end();
    await t.rejects(async () => other.put(3), { code: 'ERR_MULTIPROC_CLOSED' });
    const got: number[] = [];
    for await (const item of other) got.push(item);
    t.strictSame(got, [1, 2]);
    await t.rejects(async () => one.get(), { code: 'ERR_MULTIPROC_EOF' });
    await one.reset();
    await one.put(3);
    t.equal(await other.get(), 3);
    const waiting = [one.get(), other.get()];
    await one.end();
    const reasons = (await Promise.allSettled(waiting)).map((each) => each.status === 'rejected' && each.reason.code);
    t.strictSame(reasons, ['ERR_MULTIPROC_EOF', 'ERR_MULTIPROC_EOF']);
  });

  t.test('a joinable queue knows what is dealt with', async (t) => {
    const options = { name: name(), redeliver: true, maxAttempts: 2 };
    const [one, other] = pair(t, () => new (place().JoinableQueue)<number>(0, options));
    await one.putMany([1, 2, 3]);
    await t.rejects(async () => one.join(10), { code: 'ERR_MULTIPROC_TIMEOUT' });
    const first = await other.take();
    t.strictSame([first.value, first.attempts, first.settled], [1, 1, false]);
    const [second, third] = await one.takeMany(5);
    t.strictSame([second?.value, third?.value], [2, 3]);
    t.equal(await one.tryTake(), undefined);
    await first.done();
    t.equal(first.settled, true);
    await t.rejects(async () => first.done(), { code: 'ERR_MULTIPROC_VALUE' });
    await second?.retry();
    const again = await other.take();
    t.strictSame([again.value, again.attempts], [2, 2]);
    await again.retry();
    await third?.fail(new RangeError('cannot work on 3'));
    await one.join();
    const letters = await other.deadLetters();
    t.strictSame(
      letters.map(({ value, attempts, reason }) => [value, attempts, String(reason)]),
      [
        [2, 2, 'its consumer gave it back'],
        [3, 1, 'RangeError: cannot work on 3'],
      ],
    );
    for (const letter of letters) await letter.discard();
    t.strictSame(await one.deadLetters(), []);
    await t.rejects(async () => first.extend(5), { code: 'ERR_MULTIPROC_VALUE' });
  });

  t.test('messages are delayed, and acknowledged as Python does', async (t) => {
    const options = { name: name(), redeliver: true };
    const [one, other] = pair(t, () => new (place().JoinableQueue)<unknown>(0, options));
    await one.put('delayed');
    const taken = await other.take();
    const since = performance.now();
    await taken.retry({ delay: 30 });
    await (await one.take()).done();
    t.ok(performance.now() - since >= 25);
    await one.put({ n: 1 });
    const value = await one.get();
    await one.taskDone(value);
    await one.join();
    await t.rejects(async () => one.taskDone(), { code: 'ERR_MULTIPROC_VALUE' });
    await one.put('last');
    await one.end();
    const got: unknown[] = [];
    for await (const message of other.messages()) {
      got.push(message.value);
      await message.done();
    }
    t.strictSame(got, ['last']);
  });

  t.test('a message whose lease has ended is another consumer’s', async (t) => {
    const options = { name: name(), lease: 50 };
    const [one, other] = pair(t, () => new (place().JoinableQueue)<string>(0, options));
    await one.put('message');
    const late = await one.take();
    const taken = await other.take();
    t.equal(taken.attempts, 2);
    await t.rejects(async () => late.done(), { code: 'ERR_MULTIPROC_LEASE' });
  });

  t.test('a shared map has values by keys', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().SharedMap)<string | number | Uint8Array, unknown>(options));
    await one.set('a', { list: [1, 2n] });
    t.strictSame(await other.get('a'), { list: [1, 2n] });
    t.equal(await other.get('b'), undefined);
    t.equal(await other.has('a'), true);
    t.equal((await other.getOrInsert('a', 5)) === 5, false);
    t.equal(await other.getOrInsert('b', 5), 5);
    t.equal(await one.add('b', 2), 7);
    t.equal(await one.add('new'), 1);
    t.equal(await one.update('b', (value) => (value as number) * 2), 14);
    t.equal(await one.update('b', () => undefined), undefined);
    t.equal(await one.has('b'), false);
    t.equal(await one.compareAndSet('c', undefined, 1), true);
    t.equal(await one.compareAndSet('c', 2, 3), false);
    t.equal(await one.compareAndSet('c', 1, 2), true);
    await one.set(5, 'number');
    await one.set(Buffer.from([5]), 'bytes');
    t.equal(await one.size, 5);
    const entries: unknown[] = [];
    for await (const [key, value] of other.entries()) entries.push(`${key}=${value}`);
    t.strictSame(entries.sort(), ['\u0005=bytes', '5=number', 'a=[object Object]', 'c=2', 'new=1']);
    t.equal(await one.delete('a'), true);
    t.equal(await one.delete('a'), false);
    await t.rejects(async () => one.add(5), { name: 'TypeError' });
    await t.rejects(async () => one.get({} as never), { name: 'TypeError' });
    await one.clear();
    t.equal(await other.size, 0);
    await one.set('gone', 1, { ttl: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    t.equal(await other.get('gone'), undefined);
    t.equal(await other.touch('gone'), false);
    let computed = 0;
    const compute = () => other.getOrCompute('computed', async () => ++computed);
    t.strictSame(await Promise.all([compute(), compute(), one.getOrCompute('computed', () => -1)]), [1, 1, 1]);
    const adding = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? one : other).add('sum'));
    await Promise.all(adding);
    t.equal(await one.get('sum'), 10);
  });

  t.test('a simple queue', async (t) => {
    const options = { name: name() };
    const [one, other] = pair(t, () => new (place().SimpleQueue)<string>(options));
    const waiting = other.get();
    await one.put('message');
    t.equal(await waiting, 'message');
    t.equal(await other.empty(), true);
  });

  t.test('objects of one name agree', async (t) => {
    const options = { name: name() };
    pair(t, () => new (place().Queue)(1, options));
    const queue = new (place().Queue)(1, options);
    await queue.tryPut(1);
    const differing = async () => {
      const other = new (place().Queue)(2, options);
      t.teardown(() => other.close());
      await other.tryGet();
    };
    await t.rejects(differing(), { code: 'ERR_MULTIPROC_KIND' });
    queue.close();
    t.throws(() => new (place().Lock)({ name: 'not a name' }), { code: 'ERR_MULTIPROC_NAME' });
    t.throws(() => new (place().Lock)({ name: 'x', nam: 'y' } as never), { name: 'TypeError' });
  });
}
