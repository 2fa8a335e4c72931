/** RLock: re-entry by the thread in the sync forms, by one run and nothing else among tasks. */
import { RLock } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('three acquires need three releases, a fourth is refused', (t) => {
  const lock = new RLock();
  t.equal(lock.acquireSync(), true);
  t.equal(lock.tryAcquire(), true);
  t.equal(lock.acquireSync(10), true);
  for (let i = 0; i < 3; i++) {
    t.equal(lock.locked(), true);
    t.equal(lock.release(), undefined);
  }
  t.equal(lock.locked(), false);
  t.throws(() => lock.release(), { name: 'ValueError' });
  lock.close();
  t.throws(() => lock.tryAcquire(), { name: 'ClosedError' });
  t.end();
});

t.test('two objects for one lock in one thread are one owner', (t) => {
  const name = freshName(t);
  const one = new RLock({ name });
  const other = new RLock({ name });
  one.acquireSync();
  t.equal(other.acquireSync(), true);
  one.release();
  other.release();
  t.equal(one.locked(), false);
  t.throws(() => other.release(), { name: 'ValueError' });
  one.close();
  other.close();
  t.end();
});

t.test('another process is another owner', async (t) => {
  const name = freshName(t);
  const lock = new RLock({ name });
  const there = await new Remote(t).make('RLock', { name });
  t.equal(await there.call('tryAcquire'), true);
  t.equal(await there.call('tryAcquire'), true);
  t.equal(lock.tryAcquire(), false);
  t.equal(await lock.acquire(20), false);
  t.throws(() => lock.release(), { name: 'ValueError' });
  await there.call('release');
  t.equal(lock.acquireSync(20), false, 'free only after as many releases as acquires');
  const waiting = lock.acquire();
  await there.call('release');
  t.equal(await waiting, true);
  t.equal(await there.call('tryAcquire'), false);
  await t.rejects(there.call('release'), { name: 'ValueError' });
  lock.release();
  lock.close();
});

t.test('what a run calls or awaits re-enters', async (t) => {
  const lock = new RLock();
  const result = await lock.run(async () => {
    t.equal(lock.tryAcquire(), true);
    await new Promise(setImmediate);
    t.equal(await lock.acquire(), true);
    const hold = await lock.hold();
    const inner = await lock.run(() => lock.runSync(() => 'innermost'));
    hold.release();
    lock.release();
    lock.release();
    t.throws(() => lock.release(), { name: 'ValueError' }, "the run's own acquisition is not for release()");
    return inner;
  });
  t.equal(result, 'innermost');
  t.equal(lock.locked(), false);
  lock.close();
});

t.test('a sibling task never gets in', async (t) => {
  const lock = new RLock();
  let inside = 0;
  let most = 0;
  const visit = async () => {
    most = Math.max(most, ++inside);
    await new Promise(setImmediate);
    inside--;
  };
  const siblings = Array.from({ length: 6 }, async (_, i) => {
    if (i % 3 === 0) return lock.run(() => lock.run(visit));
    if (i % 3 === 1) {
      await lock.acquire();
      await visit();
      return lock.release();
    }
    const hold = await lock.hold();
    await visit();
    hold.release();
  });
  t.equal(lock.tryAcquire(), false, 'not even by the sync forms');
  t.throws(() => lock.acquireSync(), { code: 'EDEADLK' });
  t.throws(() => lock.release(), { name: 'ValueError' }, 'and it cannot release what a run holds');
  await Promise.all(siblings);
  t.equal(most, 1);
  t.equal(lock.locked(), false);
  lock.close();
});

t.test('a context that outlives its run is nobody any more', async (t) => {
  const lock = new RLock();
  let late: Promise<boolean> | undefined;
  await lock.run(() => {
    late = new Promise((resolve) => setTimeout(() => resolve(lock.tryAcquire()), 20));
  });
  const hold = await lock.hold();
  t.equal(await late, false);
  hold.release();
  lock.close();
});

t.test('what took a closed lock no longer touches its memory, which may be another lock by now', async (t) => {
  const first = new RLock();
  const hold = await first.hold();
  first.close();
  const second = new RLock();
  second.acquireSync();
  t.throws(() => hold.release(), { name: 'ClosedError' });
  t.equal(second.locked(), true);
  second.release();

  let third: RLock | undefined;
  const run = second.run(() => {
    second.close();
    third = new RLock();
    third.acquireSync();
  });
  await t.rejects(run, { name: 'ClosedError' });
  t.equal(third?.locked(), true);
  third?.release();
  third?.close();
});

t.test('what outlives its run gives nothing back of what others took since', async (t) => {
  const lock = new RLock();
  let late: (() => void) | undefined;
  await lock.run(async () => {
    const inner = await lock.hold();
    late = () => inner.release();
  });
  lock.acquireSync();
  lock.acquireSync();
  late?.();
  lock.release();
  t.equal(lock.locked(), true);
  lock.release();
  lock.close();
});

t.test('a wait that is no number of milliseconds is refused, of a free lock too', (t) => {
  const lock = new RLock();
  t.throws(() => lock.acquireSync(0.5), RangeError);
  t.throws(() => lock.holdSync('1' as never), TypeError);
  t.equal(lock.locked(), false);
  lock.close();
  t.end();
});

t.test('tasks of a thread wait for what the thread holds by the sync forms', async (t) => {
  const lock = new RLock();
  lock.acquireSync();
  t.equal(await lock.acquire(20), false);
  let entered = false;
  const running = lock.run(() => {
    entered = true;
  });
  await new Promise(setImmediate);
  t.equal(entered, false);
  lock.release();
  await running;
  t.equal(entered, true);
  lock.close();
});

t.test('an owner that was killed deep inside does not leave the lock held', async (t) => {
  const name = freshName(t);
  const lock = new RLock({ name });
  const remote = new Remote(t);
  const there = await remote.make('RLock', { name });
  for (let i = 0; i < 3; i++) await there.call('tryAcquire');
  const waiting = lock.acquire();
  await remote.kill();
  t.equal(await waiting, true);
  t.equal(lock.ownerDied, true);
  lock.markConsistent();
  lock.release();
  t.equal(lock.locked(), false);
  lock.close();
});
