/** What `util.inspect` shows: who holds a lock, what is left of a semaphore, who waits. */
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  currentProcess,
  Event,
  Lock,
  RawValue,
  RLock,
  Semaphore,
  ShareableList,
  SharedMemory,
  Struct,
  Value,
} from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('locks name their holder', async (t) => {
  const lock = new Lock();
  t.equal(inspect(lock), '<Lock(owner=None)>');
  lock.acquireSync();
  t.equal(inspect(lock), '<Lock(owner=MainProcess)>');
  const { name } = currentProcess();
  currentProcess().name = 'Renamed';
  t.equal(inspect({ lock }), '{ lock: <Lock(owner=Renamed)> }');
  currentProcess().name = name;
  lock.close();
  t.equal(inspect(lock), '<Lock(closed)>');
  const rlock = new RLock();
  t.equal(inspect(rlock), '<RLock(None, 0)>');
  rlock.acquireSync();
  rlock.acquireSync();
  t.equal(inspect(rlock), '<RLock(MainProcess, 2)>');
  rlock.release();
  rlock.release();
  await rlock.run(() => t.equal(inspect(rlock), '<RLock(MainProcess, 1)>'));
  t.equal(inspect(rlock), '<RLock(None, 0)>');
  rlock.close();
  t.equal(inspect(rlock), '<RLock(closed)>');
});

t.test('a lock of another process', async (t) => {
  const name = freshName(t);
  const nameOfOther = freshName(t);
  const lock = new Lock({ name });
  const rlock = new RLock({ name: nameOfOther });
  const remote = new Remote(t);
  await (await remote.make('Lock', { name })).call('acquireSync');
  await (await remote.make('RLock', { name: nameOfOther })).call('acquireSync');
  t.equal(inspect(lock), `<Lock(owner=SomeOtherProcess, name='${name}')>`);
  t.equal(inspect(rlock), `<RLock(SomeOtherProcess, nonzero, name='${nameOfOther}')>`);
  await remote.exit();
  t.equal(inspect(lock), `<Lock(owner=None, name='${name}')>`, 'the dead hold nothing');
  lock.close();
  rlock.close();
});

t.test('a lock of another thread', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const thread = new Worker(
    `const { inspect } = require('node:util');
    const { Lock } = require('multiproc');
    const lock = new Lock({ name: '${name}' });
    lock.acquireSync();
    require('node:worker_threads').parentPort.postMessage(inspect(lock));
    setInterval(() => {}, 1000);`,
    { eval: true },
  );
  const [text] = await once(thread, 'message');
  t.equal(text, `<Lock(owner=MainProcess|Worker-${thread.threadId}, name='${name}')>`);
  t.equal(inspect(lock), `<Lock(owner=SomeOtherThread, name='${name}')>`);
  await thread.terminate();
  lock.close();
});

t.test('counts', async (t) => {
  const semaphore = new Semaphore(3);
  const bounded = new BoundedSemaphore(2);
  const robust = new Semaphore(2, { robust: true });
  for (const each of [semaphore, bounded, robust]) each.acquireSync();
  t.equal(inspect(semaphore), '<Semaphore(value=2)>');
  t.equal(inspect(bounded), '<BoundedSemaphore(value=1, maxvalue=2)>');
  t.equal(inspect(robust), '<Semaphore(value=1)>');
  const condition = new Condition();
  const bare = new Lock();
  const withLock = new Condition(bare);
  await withLock.acquire();
  const waiting = withLock.wait();
  t.equal(inspect(condition), '<Condition(<RLock(None, 0)>, 0)>');
  await withLock.run(() => t.equal(inspect(withLock), '<Condition(<Lock(owner=MainProcess)>, 1)>'));
  await withLock.run(() => withLock.notify());
  t.equal(await waiting, true);
  withLock.release();
  const event = new Event();
  t.equal(inspect(event), '<Event unset>');
  event.set();
  t.equal(inspect(event), '<Event set>');
  const barrier = new Barrier(2);
  const first = barrier.wait();
  t.equal(inspect(barrier), '<Barrier waiters=1/2>');
  barrier.abort();
  await t.rejects(first);
  t.equal(inspect(barrier), '<Barrier broken>');
  for (const each of [semaphore, bounded, robust, condition, withLock, bare, event, barrier]) each.close();
  t.equal(inspect(bounded), '<BoundedSemaphore(closed)>');
  t.equal(inspect(event), '<Event closed>');
});

t.test('values and memory', async (t) => {
  const value = new Value('i', 5);
  const big = new RawValue('q', 5n);
  const memory = SharedMemory.create({ size: 100 });
  t.equal(inspect(value), '<Value(int32, 5)>');
  t.equal(inspect(big), '<RawValue(int64, 5n)>');
  t.equal(inspect(memory), `SharedMemory('${memory.name}', size=100)`);
  const point = new Value(Struct({ x: 'i' }), { x: 1 });
  const list = new ShareableList([1]);
  t.equal(inspect(point), '{ x: 1 }');
  t.equal(inspect(list), `ShareableList([ 1 ], name=${list.name})`);
  for (const each of [value, big, memory, point, list]) each.close();
  t.equal(inspect(point), '<Value(closed)>');
  t.equal(inspect(list), `ShareableList(closed, name=${list.name})`);
  t.equal(inspect(value), '<Value(closed)>');
  t.equal(inspect(memory), `SharedMemory('${memory.name}', closed)`);
});
