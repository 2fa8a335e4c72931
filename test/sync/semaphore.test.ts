/** Semaphore and BoundedSemaphore: counting across processes, and permits that survive their holders. */
import { BoundedSemaphore, Lock, Semaphore } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('it counts down to nothing and up without a limit', async (t) => {
  const semaphore = new Semaphore(2);
  t.equal(semaphore.getValue(), 2);
  t.equal(semaphore.tryAcquire(), true);
  t.equal(semaphore.getValue(), 1);
  t.equal(await semaphore.acquire(), true);
  t.equal(semaphore.locked(), true);
  t.equal(semaphore.tryAcquire(), false);
  t.equal(semaphore.acquireSync(0), false);
  t.equal(await semaphore.acquire(5), false);
  t.equal(semaphore.getValue(), 0);
  for (const value of [1, 2, 3, 4]) {
    semaphore.release();
    t.equal(semaphore.getValue(), value);
  }
  semaphore.release(6);
  t.equal(semaphore.getValue(), 10);
  t.equal(await semaphore.run(() => semaphore.getValue()), 9);
  t.equal(
    semaphore.runSync(() => semaphore.getValue()),
    9,
  );
  semaphore.holdSync().release();
  (await semaphore.hold())[Symbol.dispose]();
  t.equal(semaphore.getValue(), 10);
  semaphore.close();
  t.throws(() => semaphore.tryAcquire(), { name: 'ClosedError' });
  t.throws(() => semaphore.release(), { name: 'ClosedError' });
  t.throws(() => semaphore.getValue(), { name: 'ClosedError' });
});

t.test('values at the limits', (t) => {
  const most = 2 ** 31 - 1;
  const semaphore = new Semaphore(most);
  t.equal(semaphore.getValue(), most);
  t.throws(() => semaphore.release(), { name: 'ValueError' });
  t.throws(() => semaphore.release(most), { name: 'ValueError' });
  t.equal(semaphore.getValue(), most);
  t.equal(semaphore.tryAcquire(), true);
  semaphore.release();
  t.equal(semaphore.getValue(), most);
  semaphore.close();
  for (const value of [-1, most + 1]) t.throws(() => new Semaphore(value), { name: 'ValueError' });
  for (const value of [1.5, '1', null, Number.NaN]) t.throws(() => new Semaphore(value as never), TypeError);
  const other = new Semaphore();
  t.equal(other.getValue(), 1);
  for (const n of [0, -1]) t.throws(() => other.release(n), { name: 'ValueError' });
  t.throws(() => other.release(0.5), TypeError);
  other.close();
  t.end();
});

t.test('a bounded one refuses to rise above its initial value', async (t) => {
  const name = freshName(t);
  const semaphore = new BoundedSemaphore(2, { name });
  t.throws(() => semaphore.release(), { name: 'ValueError' });
  t.equal(semaphore.getValue(), 2);
  semaphore.tryAcquire();
  t.throws(() => semaphore.release(2), { name: 'ValueError' });
  t.equal(semaphore.getValue(), 1);
  const there = await new Remote(t).make('BoundedSemaphore', 7, { name });
  t.equal(await there.call('getValue'), 1, "the creator's value counts");
  await there.call('release');
  await t.rejects(there.call('release'), { name: 'ValueError' });
  t.equal(semaphore.getValue(), 2);
  t.ok(semaphore instanceof Semaphore);
  t.throws(() => new Semaphore(2, { name }), { code: 'ERR_MULTIPROC_KIND' });
  semaphore.close();
});

t.test('permits go to waiters in other processes, in every form', async (t) => {
  const name = freshName(t);
  const semaphore = new Semaphore(0, { name });
  const remotes = await Promise.all([1, 2, 3].map(() => new Remote(t).make('Semaphore', 0, { name })));
  const waiting = [
    ...remotes.map((there) => there.call('acquire')),
    remotes[0]?.call('acquireSync', 30_000),
    semaphore.acquire(),
  ];
  semaphore.release(5);
  t.strictSame(await Promise.all(waiting), [true, true, true, true, true]);
  t.equal(semaphore.getValue(), 0);
  semaphore.close();
});

t.test('aborted and timed-out waits leave no permit behind and swallow none', async (t) => {
  for (const robust of [false, true]) {
    const name = freshName(t);
    const semaphore = new Semaphore(2, { name, robust });
    const there = await new Remote(t).make('Semaphore', 2, { name, robust });
    const tasks = Array.from({ length: 12 }, async (_, i) => {
      for (let round = 0; round < 15; round++) {
        const controller = new AbortController();
        if (i % 3 === 0) setTimeout(() => controller.abort(), round % 3);
        const won = await semaphore.acquire({ timeout: (i + round) % 4, signal: controller.signal }).catch(() => false);
        if (!won) continue;
        await new Promise(setImmediate);
        semaphore.release();
      }
    });
    const elsewhere = (async () => {
      for (let i = 0; i < 15; i++) await there.hold(1);
    })();
    await Promise.all([...tasks, elsewhere]);
    t.equal(semaphore.getValue(), 2, robust ? 'robust' : 'plain');
    semaphore.close();
  }
});

t.test('a permit that comes too late is one too many if somebody released too often, and no error here', async (t) => {
  const name = freshName(t);
  const semaphore = new BoundedSemaphore(1, { name });
  const other = new BoundedSemaphore(1, { name });
  semaphore.acquireSync();
  const controller = new AbortController();
  const waiting = semaphore.acquire({ signal: controller.signal });
  other.release();
  // The native wait wins it while this thread is busy.
  while (other.getValue() !== 0);
  other.release();
  controller.abort(new Error('enough'));
  await t.rejects(waiting, /enough/);
  t.equal(other.getValue(), 1);
  semaphore.close();
  other.close();
});

t.test('robust permits come back when their holder is killed, plain ones do not', async (t) => {
  for (const robust of [true, false]) {
    const name = freshName(t);
    const semaphore = new Semaphore(3, { name, robust });
    const remote = new Remote(t);
    const there = await remote.make('Semaphore', 3, { name, robust });
    for (let i = 0; i < 3; i++) t.equal(await there.call('tryAcquire'), true);
    t.equal(semaphore.getValue(), 0);
    const waiting = [semaphore.acquire(robust ? undefined : 300), semaphore.acquire(robust ? undefined : 300)];
    await remote.kill();
    t.strictSame(await Promise.all(waiting), robust ? [true, true] : [false, false]);
    t.equal(semaphore.getValue(), robust ? 1 : 0);
    semaphore.close();
  }
});

t.test('a wait that is no number of milliseconds is refused, of a free permit too', (t) => {
  for (const robust of [false, true]) {
    const semaphore = new Semaphore(1, { robust });
    t.throws(() => semaphore.acquireSync(0.5), RangeError);
    t.throws(() => semaphore.acquireSync('1' as never), TypeError);
    t.equal(semaphore.getValue(), 1);
    semaphore.close();
  }
  t.end();
});

t.test('permits of a robust semaphore that was freed are not those of the next one in its place', (t) => {
  const first = new Semaphore(1, { robust: true });
  first.acquireSync();
  first.close();
  const second = new Semaphore(1, { robust: true });
  t.throws(() => second.release(), { name: 'ValueError' });
  t.equal(second.acquireSync(), true);
  second.release();
  second.close();
  t.end();
});

t.test('a robust permit is released only by the thread that holds it', async (t) => {
  const name = freshName(t);
  const semaphore = new Semaphore(2, { name, robust: true });
  const there = await new Remote(t).make('Semaphore', 2, { name, robust: true });
  await there.call('tryAcquire');
  t.throws(() => semaphore.release(), { name: 'ValueError' });
  t.equal(semaphore.acquireSync(), true);
  t.throws(() => semaphore.release(2), { name: 'ValueError' });
  t.equal(semaphore.getValue(), 0);
  const other = new Semaphore(2, { name, robust: true });
  other.release();
  t.equal(semaphore.getValue(), 1, 'through another object of the thread');
  await there.call('release');
  t.equal(semaphore.getValue(), 2);
  t.throws(() => new Semaphore(2, { name }), { code: 'ERR_MULTIPROC_KIND', message: /robust/ });
  for (const value of [0, 2 ** 20 + 1]) t.throws(() => new Semaphore(value, { robust: true }), { name: 'ValueError' });
  t.throws(() => new Semaphore(1, { robust: 1 as never }), TypeError);
  semaphore.close();
  other.close();
});

t.test('no more than the permits are ever inside, counted by a lock', async (t) => {
  const name = freshName(t);
  const lockName = freshName(t);
  const semaphore = new Semaphore(2, { name });
  const lock = new Lock({ name: lockName });
  const remotes = await Promise.all([1, 2].map(() => new Remote(t).make('Semaphore', 2, { name })));
  let inside = 0;
  let most = 0;
  const local = Array.from({ length: 4 }, async () => {
    for (let i = 0; i < 25; i++) {
      await semaphore.run(async () => {
        most = Math.max(most, ++inside);
        await new Promise(setImmediate);
        inside--;
      });
    }
  });
  const elsewhere = remotes.map(async (there) => {
    for (let i = 0; i < 10; i++) await there.hold(1);
  });
  await Promise.all([...local, ...elsewhere]);
  t.ok(most <= 2 && most > 0);
  t.equal(semaphore.getValue(), 2);
  semaphore.close();
  lock.close();
});

t.test(
  'a named semaphore that exists with another value keeps it, says so once, and every mismatch names the cure',
  async (t) => {
    const name = `initial-${process.pid}`;
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    // Node's own listener prints warnings; these are expected.
    const printers = process.rawListeners('warning') as ((warning: Error) => void)[];
    process.removeAllListeners('warning').on('warning', note);
    for (const Class of [Semaphore, BoundedSemaphore]) {
      const first = new Class(4, { name: `${name}${Class.name}` });
      const same = new Class(4, { name: `${name}${Class.name}` });
      await new Promise(setImmediate);
      t.equal(warnings.length, 0, 'the same value is no reason');
      const others = [8, 2].map((value) => new Class(value, { name: `${name}${Class.name}` }));
      await new Promise(setImmediate);
      t.equal(warnings.length, 1);
      t.match(
        warnings.pop()?.message,
        new RegExp(`'${name}${Class.name}' exists with an initial value of 4.*: 8 was.*inspect`),
      );
      for (const semaphore of [first, same, ...others]) t.equal(semaphore.initialValue, 4);
      t.throws(() => new Class(4, { name: `${name}${Class.name}`, robust: true }), {
        code: 'ERR_MULTIPROC_KIND',
        message: new RegExp(`it lasts until unlink\\(\\), and \`multiproc inspect ${name}${Class.name}\` shows it$`),
      });
      first.unlink();
      for (const semaphore of [first, same, ...others]) semaphore.close();
    }
    process.off('warning', note);
    for (const printer of printers) process.on('warning', printer);
  },
);
