/**
 * The binary does its main jobs on this processor, none of which needs a death to be noticed: so this also runs where
 * another processor is imitated (`npm run test:arm64`).
 */
import { Event, Lock, Process, Queue, Semaphore, SharedArray, serialize, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { Remote } from '../harness/remote.js';

leaveNothing(t);
t.setTimeout(300_000);

const rounds = 2000;

t.test('a lock and a value are one among processes', async (t) => {
  const lock = new Lock();
  const value = new Value('i', 0);
  const children = [1, 2].map(() => {
    const child = new Process({
      target: { module: new URL('../programs/smoke.js', import.meta.url), export: 'count' },
      args: [lock, value, rounds],
      context: 'spawn',
    });
    child.start();
    return child;
  });
  for (const child of children) t.equal(await child.exited, 0);
  t.equal(value.value, 2 * rounds);
  for (const object of [lock, value]) object.close();
});

t.test('a semaphore counts, an event wakes and a queue keeps the order between processes', async (t) => {
  const [orders, results, begun, limit] = [new Queue<number>(), new Queue<number>(), new Event(), new Semaphore(1)];
  const child = new Process({
    target: { module: new URL('../programs/smoke.js', import.meta.url), export: 'double' },
    args: [orders, results, begun, limit],
    context: 'spawn',
  });
  limit.acquireSync();
  child.start();
  t.equal(await begun.wait(), true);
  t.equal(results.tryGet(), undefined, 'it has no permit yet');
  limit.release();
  for (let i = 0; i < 100; i++) await orders.put(i);
  orders.end();
  for (let i = 0; i < 100; i++) t.equal(await results.get(), 2 * i);
  t.equal(await child.exited, 0);
  for (const object of [orders, results, begun, limit]) object.close();
});

t.test('numbers have the same bytes in every process', async (t) => {
  const array = new SharedArray('d', [1.5, -0, Number.MAX_VALUE]);
  const there = new Remote(t);
  const handle = await there.attach(serialize(array));
  t.equal(await handle.get('1'), -0);
  array[0] = 2.25;
  t.equal(await handle.get('0'), 2.25);
  array.close();
});
