/** What `Pool` promises, whatever its workers are: run by one test file for each kind. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  ClosedError,
  cpuCount,
  MaybeEncodingError,
  type Pool as PoolClass,
  type PoolOptions,
  Queue,
  serialize,
  sweep,
  TimeoutError,
  Value,
  ValueError,
} from 'multiproc';
import type { Test } from 'tap';
import { until } from '../harness/until.js';
import * as targets from '../programs/pool-targets.js';

/** What differs between kinds of pools. */
export interface PoolKind {
  /** Makes a pool of the kind. */
  readonly Pool: new (
    processes?: number,
    options?: PoolOptions,
  ) => PoolClass;
  readonly workers: 'process' | 'thread';
}

class FetchError extends Error {
  override readonly name = 'FetchError';
}

function* failingAt(n: number): Generator<number> {
  for (let i = 0; ; i++) {
    if (i === n) throw new FetchError(`no item ${i}`);
    yield i;
  }
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const squares = (n: number) => range(n).map((x) => x * x);

export function poolSuite(t: Test, { Pool, workers }: PoolKind): void {
  /** A pool that ends with the test. */
  const make = (scope: Test, size = 2, options: PoolOptions = {}): PoolClass => {
    const pool = new Pool(size, options);
    scope.teardown(async () => {
      pool.terminate();
      await pool.join();
    });
    return pool;
  };

  t.test('imap tells its progress: of how many where that is known, and also of chunks that fail', async (t) => {
    const pool = make(t, 2);
    for (const [items, total] of [
      [range(10), 10],
      [new Set(range(10)), 10],
      [range(10).values(), undefined],
    ] as const) {
      const told: [number, number | undefined][] = [];
      const options = { chunksize: 4, onProgress: (...args: [number, number | undefined]) => told.push(args) };
      const results: unknown[] = [];
      for await (const result of pool.imapUnordered(targets.echo, items, options)) results.push(result);
      t.equal(results.length, 10);
      t.equal(told.length, 3);
      t.strictSame(told.at(-1), [10, total]);
    }
    const counts: number[] = [];
    const failing = pool.imap(targets.miss, ['a', 'b'], { onProgress: (done) => counts.push(done) });
    for (let i = 0; i < 2; i++) await t.rejects(failing.next());
    t.strictSame(await failing.next(), { done: true, value: undefined });
    t.strictSame(counts, [1, 2]);
    const left: number[] = [];
    for await (const _ of pool.imap(targets.echo, range(100), { onProgress: (done) => left.push(done) })) break;
    t.throws(() => pool.imap(targets.echo, [1], { onProgress: 1 as never }), { name: 'TypeError' });
  });

  t.test('apply and run give the result, of whatever type', async (t) => {
    const pool = make(t);
    t.equal(await pool.apply(targets.square, [5]), 25);
    t.equal(await pool.run(targets.product, 6, 7), 42);
    t.equal(await pool.apply(targets.squareOf, [{ x: 3 }]), 9);
    t.equal(await pool.apply(targets.nothing), undefined);
    const shared = { a: 1 };
    for (const value of [
      null,
      true,
      -0,
      1.5,
      2 ** 40,
      10n ** 30n,
      'text',
      'ünï𝄞',
      '\ud800',
      [1, [2]],
      { a: { b: [new Map([[1, new Set([2])]])] } },
      new Date(5),
      Buffer.from('bytes'),
      new Float32Array([1, 2.5]),
      [shared, shared],
    ]) {
      t.strictSame(await pool.apply(targets.echo, [value]), value);
    }
    const [one, two] = (await pool.apply(targets.echo, [[shared, shared]])) as [unknown, unknown];
    t.equal(one, two);
    t.ok(Object.is(await pool.apply(targets.echo, [-0]), -0));
    const moved = await pool.apply(targets.movePoint, [new targets.Point(4)]);
    t.ok(moved instanceof targets.Point);
    t.equal(moved.double(), 16);
    t.equal(await pool.apply(targets.echo, [targets.square]), targets.square);
  });

  t.test('arguments may be anything that can be iterated, but no text', async (t) => {
    const pool = make(t, 1, { initializer: targets.initialise, initargs: new Set(['first']) });
    t.equal(await pool.apply(targets.initialisedWith), 'first');
    t.equal(await pool.apply(targets.product, new Set([6, 7])), 42);
    t.equal(await pool.applyAsync(targets.product, [6, 7].values()), 42);
    t.equal(await pool.apply(targets.product, Int32Array.of(6, 7), { timeout: 60_000 }), 42);
    for (const [args, got] of [
      ['67', '"67"'],
      [5, '5'],
      [null, 'null'],
      [{ length: 2 }, 'an instance of Object'],
    ] as const) {
      const message = `Expected "args" to be an array, or to be iterable and no string, got ${got}`;
      await t.rejects(pool.apply(targets.product, args as never), { name: 'TypeError', message });
      await t.rejects(pool.applyAsync(targets.product, args as never).get(), { name: 'TypeError', message });
    }
  });

  t.test('arguments are as of the call', async (t) => {
    const pool = make(t, 1);
    const bytes = Buffer.alloc(64 * 1024, 1);
    const list = [1];
    const results = range(600).map(() => pool.apply(targets.echo, [bytes]));
    const last = pool.apply(targets.echo, [list]);
    bytes.fill(2);
    list.push(2);
    t.ok((await Promise.all(results)).every((copy) => (copy as Buffer).every((byte) => byte === 1)));
    t.strictSame(await last, [1]);
  });

  t.test('shared objects are the same ones in workers', async (t) => {
    const pool = make(t);
    const counter = new Value('i', 0);
    await Promise.all(range(20).map((n) => pool.apply(targets.addTo, [counter, n])));
    t.equal(counter.value, 190);
    counter.close();
  });

  t.test('map, starmap and their asynchronous forms keep the order', async (t) => {
    const pool = make(t, 4);
    t.strictSame(await pool.map(targets.square, range(10)), squares(10));
    t.strictSame(await pool.map(targets.square, range(100), { chunksize: 20 }), squares(100));
    t.strictSame(
      await pool.map(targets.half, range(9)),
      range(9).map((x) => x / 2),
    );
    t.strictSame(await pool.map(targets.describe, range(9)), range(9).map(targets.describe));
    t.strictSame(await pool.map(targets.echo, [1, -0, 0.5, 'x', undefined, null]), [1, -0, 0.5, 'x', undefined, null]);
    t.strictSame(await pool.map(targets.square, new Set([1, 2, 3])), [1, 4, 9]);
    t.strictSame(await pool.map(targets.echo, 'abc'), ['a', 'b', 'c']);
    t.strictSame(await pool.map(targets.square, new Map(range(3).map((x) => [x, x])).keys()), [0, 1, 4]);
    const pairs = range(100).map((x): [number, number] => [x, x + 1]);
    t.strictSame(
      await pool.starmap(targets.product, pairs),
      pairs.map(([a, b]) => a * b),
    );
    t.strictSame(
      await pool.starmapAsync(targets.product, pairs).get(),
      pairs.map(([a, b]) => a * b),
    );
    t.strictSame(await pool.mapAsync(targets.square, range(10)), squares(10));
    const late = range(8).map((x): [number, number] => [x, 40 - x * 5]);
    t.strictSame(await pool.starmap(targets.square, late, { chunksize: 1 }), squares(8));
    const many = range(200_000);
    t.strictSame(
      await pool.map(targets.square, many),
      many.map((x) => x * x),
    );
  });

  t.test('nothing comes of nothing', async (t) => {
    const pool = make(t, 1);
    t.strictSame(await pool.map(targets.square, []), []);
    t.strictSame(await pool.mapAsync(targets.square, [], { chunksize: 1 }).get(), []);
    t.strictSame(await pool.starmap(targets.product, []), []);
    t.strictSame(await all(pool.imap(targets.square, [])), []);
    t.strictSame(await all(pool.imapUnordered(targets.square, [])), []);
    let called = 0;
    const callback = () => called++;
    await pool.mapAsync(targets.square, [], { callback, errorCallback: callback });
    t.equal(called, 0);
    pool.close();
    t.equal(await pool.join(), true);
  });

  t.test('AsyncResult: ready, successful, get, wait and their time-outs', async (t) => {
    const pool = make(t);
    const release = new Queue<string>();
    const result = pool.applyAsync(targets.report, [release, 'x', 30]);
    t.equal(result.ready(), false);
    t.equal(inspect(result), '<AsyncResult pending>');
    t.throws(() => result.successful(), ValueError);
    await t.rejects(result.get(0), TimeoutError);
    t.equal(await result.wait(0), undefined);
    t.equal(await result.get(), 'x');
    t.equal(await result.get(), 'x');
    t.equal(await result, 'x');
    t.ok(result.ready());
    t.ok(result.successful());
    t.equal(inspect(result), '<AsyncResult ready>');
    const failing = pool.applyAsync(targets.miss, ['k']);
    const error = await failing.get().catch((error) => error);
    t.equal(error.key, 'k');
    t.equal(await failing.get().catch((again) => again), error);
    t.equal(failing.successful(), false);
    t.equal(inspect(failing), '<AsyncResult failed>');
    t.throws(() => failing.getSync(), { message: 'no such key: k' });
    t.equal(pool.applyAsync(targets.square, [9]).getSync(), 81);
    t.strictSame(pool.mapAsync(targets.square, range(1000)).getSync(), squares(1000));
    const slow = pool.applyAsync(targets.report, [release, 'y', 5000]);
    await t.rejects(slow.get(10), TimeoutError);
    t.throws(() => slow.getSync(10), TimeoutError);
    const controller = new AbortController();
    const waiting = slow.get({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await t.rejects(waiting, { message: 'enough' });
    pool.terminate();
    await t.rejects(slow.get(), ClosedError);
    release.close();
  });

  t.test('callbacks have run before anybody goes on', async (t) => {
    const pool = make(t);
    const calls: unknown[] = [];
    const callback = (value: unknown) => calls.push(['ok', value]);
    const errorCallback = (error: unknown) => calls.push(['error', (error as Error).name]);
    const one = pool.mapAsync(targets.echo, [1], { callback, errorCallback });
    await one.wait();
    t.strictSame(calls.splice(0), [['ok', [1]]]);
    const two = pool.mapAsync(targets.miss, ['k'], { callback, errorCallback });
    await two.wait();
    t.strictSame(calls.splice(0), [['error', 'KeyError']]);
    await pool.applyAsync(targets.square, [3], { callback, errorCallback });
    t.strictSame(calls.splice(0), [['ok', 9]]);
    await pool.applyAsync(targets.miss, ['x'], { callback, errorCallback }).wait();
    t.strictSame(calls.splice(0), [['error', 'KeyError']]);
  });

  t.test('a callback that throws is reported, and nothing else', async (t) => {
    const pool = make(t);
    const emitWarning = process.emitWarning;
    const warnings: unknown[] = [];
    process.emitWarning = ((text: unknown, name: unknown) => warnings.push([text, name])) as never;
    t.teardown(() => {
      process.emitWarning = emitWarning;
    });
    const callback = () => {
      throw new Error('in the callback');
    };
    t.equal(await pool.applyAsync(targets.square, [3], { callback }), 9);
    process.emitWarning = emitWarning;
    t.equal(warnings.length, 1);
    t.match(inspect(warnings), /in the callback/);
    t.equal(await pool.apply(targets.square, [4]), 16);
  });

  t.test('null is no callback', async (t) => {
    const pool = make(t, 1);
    const { emitWarning } = process;
    let warnings = 0;
    process.emitWarning = () => warnings++;
    t.teardown(() => {
      process.emitWarning = emitWarning;
    });
    const none = { callback: null, errorCallback: null };
    t.equal(await pool.applyAsync(targets.square, [3], none), 9);
    await t.rejects(pool.mapAsync(targets.miss, ['k'], none).get(), targets.KeyError);
    t.equal(warnings, 0);
  });

  t.test('what is thrown may be anything', async (t) => {
    const pool = make(t, 1);
    // Nobody waits: it is logged.
    const unseen = pool.applyAsync(targets.throwTextless);
    t.equal(await pool.apply(targets.square, [3]), 9);
    t.ok(unseen.ready());
    await t.rejects(pool.apply(targets.throwUnreadable), { name: 'Error', message: /Getter/ });
    await t.rejects(pool.apply(targets.throwOddlyNamed), { name: 'Error', message: 'boom' });
    t.equal(pool.stats().lost, 0);
  });

  t.test('getSync has a long map fed to its end', async (t) => {
    const pool = make(t, 2);
    const items = range(60_000).map((n) => ({ x: n % 50, text: 'x'.repeat(n % 50) }));
    t.strictSame(
      pool.mapAsync(targets.squareOf, items, { chunksize: 10 }).getSync(60_000),
      items.map(({ x }) => x * x),
    );
  });

  t.test('getSync loads what the result needs, or says that it has to be imported', async (t) => {
    const pool = make(t, 2);
    const far = pool.applyAsync(targets.makeFar);
    const farther = pool.mapAsync(targets.makeFarther, [1, 2]);
    // Not everywhere can modules be required.
    const needed = process.features.require_module === true ? /top-level await/ : /had at once/;
    t.throws(() => farther.getSync(60_000), { name: 'TypeError', message: needed } as never);
    t.match(await farther, [{ isFarther: true }, { isFarther: true }]);
    if (process.features.require_module === true) t.match(far.getSync(60_000), { isFar: true });
    t.match(await far, { isFar: true });
  });

  t.test('an error arrives whole: class, fields, cause, and the stack of the worker', async (t) => {
    const pool = make(t);
    const error = await pool.apply(targets.miss, ['k']).catch((error) => error);
    t.ok(error instanceof targets.KeyError);
    t.equal(error.key, 'k');
    t.equal(error.message, 'no such key: k');
    t.match(error.stack, /at miss .*pool-targets/);
    t.ok(error.cause instanceof RangeError);
    t.match(inspect(error), /pool-targets/);
    t.equal(await pool.apply(targets.throwFive).catch((error) => error), 5);
    const fromMap = await pool.map(targets.missIfOdd, [0, 2, 4, 5, 6]).catch((error) => error);
    t.equal(fromMap.key, '5');
    await t.rejects(pool.map(targets.square, failingAt(3)), FetchError);
  });

  t.test('a map rejects after all of its chunks have ended', async (t) => {
    const pool = make(t);
    const done: number[] = [];
    await t.rejects(
      pool.map(targets.missIfOdd, [1, 0, 2, 4, 6, 8], { chunksize: 1, onProgress: (n) => done.push(n) }),
      targets.KeyError,
    );
    t.strictSame(done, [1, 2, 3, 4, 5, 6]);
  });

  t.test('what cannot travel fails that task alone, on the way out and back', async (t) => {
    const pool = make(t);
    await t.rejects(pool.apply(targets.echo, [Symbol('no')]), { name: 'TypeError', message: /args\[0\]/ });
    await t.rejects(
      pool.map(targets.echo, [
        1,
        () => {
          /* a closure */
        },
      ]),
      TypeError,
    );
    await t.rejects(
      pool.apply(() => 1),
      { name: 'TypeError', message: /fn is a function without a name/ },
    );
    const reported: unknown[] = [];
    const errorCallback = (error: unknown) => reported.push(error);
    for (let i = 0; i < 20; i++) {
      const error = await pool
        .applyAsync(targets.closure, [], { errorCallback })
        .get()
        .catch((error) => error);
      t.ok(error instanceof MaybeEncodingError && error.cause instanceof TypeError);
      t.ok(error.exc.length > 0 && error.value.length > 0);
      t.ok(error.cause instanceof TypeError);
    }
    t.equal(reported.length, 20);
    await t.rejects(pool.map(targets.closure as (x: number) => unknown, [1, 2]), MaybeEncodingError);
    t.equal(await pool.apply(targets.square, [2]), 4);
    t.equal(pool.stats().lost, 0);
  });

  t.test('imap and imapUnordered give all results', async (t) => {
    const pool = make(t, 3);
    const shown = pool.imap(targets.square, [3]);
    t.equal(inspect(shown), '<ImapIterator running>');
    t.strictSame(await all(shown), [9]);
    t.equal(inspect(shown), '<ImapIterator done>');
    t.strictSame(await all(pool.imap(targets.square, range(10))), squares(10));
    t.strictSame(await all(pool.imap(targets.square, range(1000), { chunksize: 100 })), squares(1000));
    t.strictSame(
      await all(pool.imap(targets.describe, range(100), { chunksize: 7 })),
      range(100).map(targets.describe),
    );
    const sorted = async (size: number, chunksize: number) =>
      (await all(pool.imapUnordered(targets.square, range(size), { chunksize }))).sort((a, b) => a - b);
    t.strictSame(await sorted(10, 1), squares(10));
    t.strictSame(await sorted(1000, 100), squares(1000));
    const it = pool.imap(targets.square, range(3));
    t.strictSame(await Promise.all([it.next(), it.next(), it.next(), it.next()]), [
      { done: false, value: 0 },
      { done: false, value: 1 },
      { done: false, value: 4 },
      { done: true, value: undefined },
    ]);
    async function* source() {
      for (const x of range(50)) yield x;
    }
    t.strictSame(await all(pool.imap(targets.square, source())), squares(50));
    t.strictSame((await all(pool.imapUnordered(targets.square, source(), { chunksize: 3 }))).length, 50);
  });

  t.test('imap fetches no more than its buffer holds, from what never ends', async (t) => {
    const pool = make(t, 2);
    for (const asynchronous of [false, true]) {
      let fetched = 0;
      let returned = false;
      function* endless() {
        try {
          for (;;) yield fetched++;
        } finally {
          returned = true;
        }
      }
      async function* later() {
        yield* endless();
      }
      const taken: number[] = [];
      for await (const value of pool.imap(targets.square, asynchronous ? later() : endless(), { buffersize: 10 })) {
        taken.push(value);
        t.ok(fetched <= taken.length + 11, `${fetched} fetched, ${taken.length} taken`);
        if (taken.length === 200) break;
      }
      t.strictSame(taken, squares(200));
      await new Promise(setImmediate);
      t.ok(returned);
    }
  });

  t.test('next has a time-out, after which nothing is lost', async (t) => {
    const pool = make(t, 1);
    const it = pool.imap(targets.whoLater, [100, 0]);
    await t.rejects(it.next(1), TimeoutError);
    await t.rejects(it.next(0), TimeoutError);
    t.equal((await it.next()).done, false);
    t.equal((await it.next(10_000)).done, false);
    t.equal((await it.next()).done, true);
  });

  t.test('imap of an iterable that throws: the results of whole chunks, then the error', async (t) => {
    const pool = make(t, 2);
    for (const [failAt, chunksize, expected] of [
      [0, 1, 0],
      [0, 1, 0],
      [3, 1, 3],
      [7, 2, 6],
      [7, 4, 4],
    ] as const) {
      const seen: number[] = [];
      await t.rejects(async () => {
        for await (const value of pool.imap(targets.square, failingAt(failAt), { chunksize })) seen.push(value);
      }, FetchError);
      t.strictSame(seen, squares(expected));
      const unordered = new Set<number>();
      await t.rejects(async () => {
        for await (const value of pool.imapUnordered(targets.square, failingAt(failAt), { chunksize })) {
          t.notOk(unordered.has(value));
          unordered.add(value);
        }
      }, FetchError);
      t.ok([...unordered].every((value) => squares(failAt).includes(value)));
    }
  });

  t.test('an error in imap takes the place of its chunk, and later results follow', async (t) => {
    const pool = make(t, 2);
    const it = pool.imap(targets.missIfOdd, [0, 1, 2]);
    t.equal((await it.next()).value, 0);
    await t.rejects(it.next(), targets.KeyError);
    t.equal((await it.next()).value, 2);
    t.equal((await it.next()).done, true);
  });

  t.test('sizes are checked', async (t) => {
    for (const size of [0, -1]) t.throws(() => new Pool(size), ValueError);
    for (const size of [1.5, '2', Number.NaN]) t.throws(() => new Pool(size as number), TypeError);
    for (const maxTasksPerChild of [0, -1, 0.5, '12']) {
      t.throws(() => new Pool(1, { maxTasksPerChild: maxTasksPerChild as number }), ValueError);
    }
    t.throws(() => new Pool(1, { initializer: 5 as never }), TypeError);
    t.throws(() => new Pool(1, targets.initialise as never), {
      name: 'TypeError',
      message: 'Expected "options" to be an object, got a function',
    });
    t.throws(() => new Pool(1, { signals: 'none' as never }), {
      name: 'TypeError',
      message: /"signals".* got "none"$/,
    });
    t.throws(() => new Pool(1, { context: 'bogus' as never }), { message: "cannot find context for 'bogus'" });
    t.throws(() => new Pool(1, { initargs: 'text' as never }), {
      name: 'TypeError',
      message: /"initargs".* got "text"$/,
    });
    const pool = make(t, 3);
    t.equal(pool.stats().workers.length, 3);
    for (const chunksize of [0, -1]) {
      t.throws(() => pool.imap(targets.square, [1], { chunksize }), {
        name: 'ValueError',
        message: /Chunksize must be 1\+/,
      });
      t.throws(() => pool.imapUnordered(targets.square, [1], { chunksize }), ValueError);
      await t.rejects(pool.map(targets.square, [1], { chunksize }), ValueError);
      t.throws(() => pool.mapAsync(targets.square, [1], { chunksize }), ValueError);
    }
    const asNumber = { name: 'TypeError', message: 'Expected "options" to be an object, got 3' };
    t.throws(() => pool.imap(targets.square, [1], 3 as never), asNumber);
    t.throws(() => pool.mapAsync(targets.square, [1], 3 as never), asNumber);
    await t.rejects(pool.map(targets.square, [1], 3 as never), asNumber);
    await t.rejects(pool.apply(targets.square, [1], 3 as never), asNumber);
    t.throws(() => pool.imap(targets.square, null as never), TypeError);
    await t.rejects(pool.map(targets.square, null as never), TypeError);
    await t.rejects(pool.apply(5 as never), TypeError);
    t.throws(() => pool.mapAsync(targets.square, [1], { chunksize: 'x' as never }), TypeError);
    t.throws(() => pool.starmapAsync(targets.square, [[1]], { onProgress: 5 as never }), TypeError);
    const aborted = { signal: AbortSignal.abort() };
    await t.rejects(pool.mapAsync(targets.square, [1], aborted).get(), { name: 'AbortError' });
    await t.rejects(pool.applyAsync(targets.square, [1], aborted).get(), { name: 'AbortError' });
    t.throws(() => serialize(pool), TypeError);
  });

  t.test('without a size there are as many workers as CPUs for this process', async (t) => {
    const pool = new Pool();
    t.equal(pool.stats().workers.length, cpuCount());
    pool.terminate();
    await pool.join();
  });

  t.test('four pauses of 300 ms take two workers 600 ms: two at a time, and never more', async (t) => {
    const pool = make(t, 2);
    const spans = await pool.map(targets.pause, [300, 300, 300, 300], { chunksize: 1 });
    const first = Math.min(...spans.map(({ from }) => from));
    const last = Math.max(...spans.map(({ to }) => to));
    t.ok(last - first >= 600, `${last - first} ms`);
    const together = spans.map(({ from }) => spans.filter((span) => span.from <= from && from < span.to).length);
    t.equal(Math.max(...together), 2);
  });

  t.test('neither arguments nor results are kept', async (t) => {
    const pool = make(t, 2);
    const refs: WeakRef<object>[] = [];
    const watch = <T extends object>(object: T): T => {
      refs.push(new WeakRef(object));
      return object;
    };
    const use = async () => {
      const items = watch(range(6).map((n) => watch({ n })));
      for (const result of watch(await pool.map(targets.echo, items))) watch(result as object);
      for await (const result of pool.imap(targets.echo, items)) watch(result as object);
      watch((await pool.apply(targets.echo, [watch({ n: 1 })])) as object);
      await pool.apply(targets.miss, [watch(['k']) as never]).catch(watch);
      watch((await pool.applyAsync(targets.echo, watch([watch(new Float64Array(4))] as [unknown]))) as object);
      // The last ones: of whatever is held until something else comes.
      watch((await pool.apply(targets.echo, watch([watch(Buffer.alloc(5000))] as [unknown]))) as object);
    };
    await use();
    const collect = garbageCollector();
    await until('everything is collected', () => {
      collect();
      return refs.every((ref) => ref.deref() === undefined);
    });
    t.equal(refs.length, 30);
  });

  t.test('results of tasks that had to wait for room are not kept either', async (t) => {
    const pool = make(t, 2);
    const refs: WeakRef<object>[] = [];
    const use = async () => {
      const results = await Promise.all(range(33_000).map((n) => pool.apply(targets.describe, [n])));
      for (const result of results.slice(-100)) refs.push(new WeakRef(result));
    };
    await use();
    const collect = garbageCollector();
    await until('everything is collected', () => {
      collect();
      return refs.every((ref) => ref.deref() === undefined);
    });
    t.equal(refs.length, 100);
  });

  t.test('a pool that was left is over, and its unfinished tasks are not done', async (t) => {
    const pool = new Pool(1);
    const begun = new Queue<string>();
    const task = pool.applyAsync(targets.report, [begun, 'x', 300_000]);
    await begun.get();
    await pool[Symbol.asyncDispose]();
    await t.rejects(task.get(), ClosedError);
    await t.rejects(pool.apply(targets.nothing), ValueError);
    await pool[Symbol.asyncDispose]();
    t.equal(await pool.join(), true);
    begun.close();
  });

  t.test('workers run side by side, each one task at a time', async (t) => {
    const pool = make(t, 2);
    const arrived = new Queue();
    const release = new Queue();
    const both = [1, 2, 3].map(() => pool.apply(targets.meet, [arrived, release]));
    await arrived.get();
    await arrived.get();
    t.strictSame([pool.stats().running, pool.stats().queued], [2, 1]);
    t.ok(pool.stats().workers.every(({ state }) => state === 'busy'));
    release.putManySync(['a', 'b', 'c']);
    t.strictSame((await Promise.all(both)).sort(), ['a', 'b', 'c']);
    release.close();
    arrived.close();
  });

  t.test('no task waits behind a long one while a worker is idle', async (t) => {
    const pool = make(t, 2);
    const begun = new Queue<string>();
    await Promise.all(range(50).map(() => pool.apply(targets.nothing)));
    const long = pool.apply(targets.report, [begun, 'long', 60_000]);
    t.equal(await begun.get(), 'long');
    t.strictSame(await pool.map(targets.square, range(100), { chunksize: 1 }), squares(100));
    pool.terminate();
    await t.rejects(long, ClosedError);
    begun.close();
  });

  t.test('close lets everything be done; join waits for it; work afterwards is refused', async (t) => {
    const pool = make(t, 2);
    const results = range(6).map((x) => pool.apply(targets.square, [x, 20]));
    const it = pool.imap(targets.square, range(100));
    await t.rejects(pool.join(), { name: 'ValueError', message: /still running/ });
    pool.close();
    pool.close();
    await t.rejects(pool.apply(targets.square, [1]), { name: 'ValueError', message: /not running/ });
    t.throws(() => pool.applyAsync(targets.square, [1]), ValueError);
    t.throws(() => pool.imap(targets.square, [1]), ValueError);
    await t.rejects(pool.map(targets.square, [1]), ValueError);
    t.equal(await pool.join(), true);
    t.equal(await pool.join(), true);
    t.strictSame(await Promise.all(results), squares(6));
    t.strictSame(await all(it), squares(100));
    pool.terminate();
    t.strictSame(pool.stats().workers, []);
  });

  t.test('terminate ends ten thousand waiting tasks at once', async (t) => {
    const pool = make(t, 3);
    const begun = new Queue<string>();
    const tasks = range(10_000).map(() => pool.applyAsync(targets.report, [begun, 'x', 300_000]));
    const it = pool.imap(
      targets.whoLater,
      range(100).map(() => 300_000),
    );
    for (let i = 0; i < 3; i++) await begun.get();
    const waiting = t.rejects(it.next(), ClosedError);
    pool.terminate();
    pool.terminate();
    t.equal(await pool.join(), true);
    for (const task of tasks) t.ok(task.ready());
    await t.rejects((tasks[5000] as (typeof tasks)[0]).get(), ClosedError);
    await waiting;
    begun.close();
  });

  t.test('an initializer runs once in every worker; one that throws fails the pool', async (t) => {
    const pool = make(t, 2, { initializer: targets.initialise, initargs: [{ a: 1 }] });
    for (const value of await Promise.all(range(10).map(() => pool.apply(targets.initialisedWith)))) {
      t.strictSame(value, { a: 1 });
    }
    const failing = make(t, 2, { initializer: targets.failToStart });
    await t.rejects(failing.apply(targets.nothing), targets.KeyError);
    await t.rejects(failing.apply(targets.nothing), targets.KeyError);
    t.equal(await failing.join(), true);
  });

  t.test('maxTasksPerChild counts chunks', async (t) => {
    const crew = async (chunksize: number) => {
      const pool = make(t, 1, { maxTasksPerChild: 2 });
      const seen = await pool.map(targets.who, range(6), { chunksize });
      t.equal(pool.stats().lost, 0);
      return new Set(seen.map(({ pid, thread }) => `${pid}:${thread}`)).size;
    };
    t.equal(await crew(1), 3);
    t.equal(await crew(3), 1);
    const pool = make(t, 3, { maxTasksPerChild: 1 });
    const results = range(6).map((x) => pool.applyAsync(targets.square, [x, 100]));
    pool.close();
    t.equal(await pool.join(), true);
    t.strictSame(await Promise.all(results), squares(6));
  });

  t.test('a timeout counts from the start, and ends the task by its signal', async (t) => {
    const pool = make(t, 1, { grace: 60_000 });
    const said = new Queue<string>();
    for (const task of [targets.heed, targets.heedBusily]) {
      const late = pool.apply(task, [said], { timeout: 20 });
      const next = pool.apply(targets.square, [2], { timeout: 10_000 });
      await t.rejects(late, TimeoutError);
      t.equal(await said.get(), 'begun');
      t.equal(await said.get(), 'stopped: TimeoutError');
      t.equal(await next, 4);
    }
    t.equal(pool.stats().lost, 0);
    said.close();
  });

  t.test('a signal ends the task; a worker that does not mind is replaced after the grace', async (t) => {
    const pool = make(t, 1, { grace: 20 });
    const said = new Queue<string>();
    const abort = async (pool: PoolClass, task: (queue: Queue) => unknown) => {
      const controller = new AbortController();
      const running = pool.apply(task, [said], { signal: controller.signal });
      t.equal(await said.get(), 'begun');
      controller.abort(new Error('not wanted'));
      await t.rejects(running, { message: 'not wanted' });
    };
    await abort(pool, targets.pending);
    t.equal(await pool.apply(targets.square, [3]), 9);
    await abort(pool, targets.busyForEver);
    t.equal(await pool.apply(targets.square, [4]), 16);
    await abort(make(t, 1, { grace: 60_000 }), targets.heed);
    t.equal(await said.get(), 'stopped: AbortError');
    said.close();
  });

  t.test('a worker that stops in time is not replaced although nobody has listened', async (t) => {
    const pool = make(t, 1, { grace: 20 });
    const said = new Queue<string>();
    const before = await pool.apply(targets.who);
    const controller = new AbortController();
    const running = pool.apply(targets.heed, [said], { signal: controller.signal });
    t.equal(await said.get(), 'begun');
    // Timers are next then, before anything is heard.
    await new Promise(setImmediate);
    controller.abort();
    t.match(said.getSync(), /stopped/);
    const end = performance.now() + 50;
    while (performance.now() < end || pool.stats().workers.some(({ state }) => state !== 'idle'));
    await t.rejects(running, { name: 'AbortError' });
    await sleep(1);
    t.strictSame(await pool.apply(targets.who), before);
    t.equal(pool.stats().lost, 0);
    said.close();
  });

  t.test('every task has a signal of its own', async (t) => {
    const pool = make(t, 1);
    t.strictSame(await pool.map(targets.isNewSignal, [1, 2, 3], { chunksize: 1 }), [true, true, true]);
  });

  t.test('a signal has one listener, however much work it ends', async (t) => {
    const pool = make(t, 1);
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, 'abort').length;
    const work = [
      ...range(20).map((x) => pool.apply(targets.square, [x], { signal })),
      pool.map(targets.square, range(9), { signal }),
    ];
    t.equal(listeners(), 1);
    t.strictSame(await Promise.all(work), [...squares(20), squares(9)]);
    t.equal(listeners(), 0);
    const controller = new AbortController();
    const many = range(34_000).map((x) => pool.apply(targets.square, [x], { signal: controller.signal }));
    controller.abort();
    for (const { status } of await Promise.allSettled(many)) if (status !== 'rejected') t.fail('it was not ended');
    // Workers pass by what is in the ring already.
    await until('nothing of it is queued', () => pool.stats().queued === 0);
    t.equal(await pool.apply(targets.square, [3]), 9);
  });

  t.test('a signal that fires before the start keeps the task from running', async (t) => {
    const pool = make(t, 1);
    const begun = new Queue<string>();
    const release = new Queue<string>();
    const first = pool.apply(targets.meet, [begun, release]);
    await begun.get();
    const controller = new AbortController();
    const { signal } = controller;
    const second = pool.apply(targets.report, [begun, 'second', 0], { signal });
    const third = pool.map(
      targets.spin,
      range(20).map(() => 60_000),
      { signal },
    );
    controller.abort();
    await t.rejects(second, { name: 'AbortError' });
    await t.rejects(third, { name: 'AbortError' });
    await t.rejects(pool.apply(targets.nothing, [], { signal }), { name: 'AbortError' });
    release.putSync('first');
    t.equal(await first, 'first');
    t.equal(await pool.apply(targets.report, [begun, 'last', 0]), 'last');
    t.equal(await begun.get(), 'last');
    begun.close();
    release.close();
  });

  t.test('onProgress tells how many items are done', async (t) => {
    const pool = make(t, 2);
    const told: [number, number][] = [];
    await pool.map(targets.square, range(10), { chunksize: 3, onProgress: (done, total) => told.push([done, total]) });
    t.equal(told.length, 4);
    t.strictSame(told.at(-1), [10, 10]);
    t.ok(told.every(([done], i) => i === 0 || done > (told[i - 1] as [number, number])[0]));
    t.strictSame(await pool.map(targets.square, range(4), { progress: true }), squares(4));
  });

  t.test('stats tell who works and how long things take', async (t) => {
    const pool = make(t, 2);
    await pool.map(targets.square, range(8), { chunksize: 1 });
    await pool.apply(targets.spin, [5]);
    await pool.apply(targets.miss, ['k']).catch(() => {});
    const { workers: crew, completed, failed, queued, running, lost, runTime, waitTime } = pool.stats();
    t.equal(crew.length, 2);
    t.ok(crew.every(({ name }) => /PoolWorker-\d+/.test(name)));
    t.ok(crew.every(({ pid }) => Number.isInteger(pid) && (pid === process.pid) === (workers === 'thread')));
    t.strictSame([completed, failed, queued, running, lost], [9, 1, 0, 0, 0]);
    t.equal(runTime.count, 10);
    t.ok(runTime.max >= 5 && runTime.p50 <= runTime.p99);
    t.equal(waitTime.count, 10);
  });

  t.test('a large value goes out and comes back', async (t) => {
    const pool = make(t, 2);
    const bytes = Buffer.alloc(20 * 1024 * 1024, 7);
    const [one, two] = await Promise.all([pool.apply(targets.echo, [bytes]), pool.apply(targets.echo, [bytes])]);
    t.ok((one as Buffer).equals(bytes));
    t.ok((two as Buffer).equals(bytes));
  });

  t.test('more tasks than there are places wait for their turn', async (t) => {
    const pool = make(t, 2);
    const results = await Promise.all(range(33_000).map((x) => pool.apply(targets.square, [x])));
    t.ok(results.every((value, x) => value === x * x));
  });

  t.test('nothing is left but what dead workers had open, which is swept', async (t) => {
    t.ok(sweep());
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
