/** JoinableQueue: join ends when everything is acknowledged, and when those who did not acknowledge have died. */
import { JoinableQueue, Queue, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('join waits for as many acknowledgements as there were puts', async (t) => {
  const queue = new JoinableQueue<number>();
  await queue.join();
  queue.joinSync();
  t.throws(() => queue.taskDone(), { name: 'ValueError' });
  for (let i = 0; i < 10; i++) await queue.put(i);
  t.throws(() => queue.joinSync(5), { name: 'TimeoutError' });
  await t.rejects(queue.join(5), { name: 'TimeoutError' });
  await t.rejects(queue.join(0), { name: 'TimeoutError' });
  let joined = false;
  const joins = [queue.join(), queue.join()].map((each) =>
    each.then(() => {
      joined = true;
    }),
  );
  const remotes = [new Remote(t), new Remote(t), new Remote(t)];
  const there = await Promise.all(remotes.map((remote) => remote.attach(serialize(queue))));
  for (let i = 0; i < 10; i++) {
    t.equal(joined, false);
    const consumer = there[i % 3];
    t.equal(await consumer?.call(i % 2 === 0 ? 'get' : 'getSync'), i);
    await consumer?.call('taskDone');
  }
  await Promise.all(joins);
  t.throws(() => queue.taskDone(), { name: 'ValueError' });
  queue.joinSync();
  await queue.put(1);
  const blocked = there[0]?.call('joinSync');
  t.equal(queue.getSync(), 1);
  queue.taskDone();
  await blocked;
  for (const each of there) await each.call('close');
  queue.close();
  await t.rejects(queue.join(), { name: 'ClosedError' });
  t.throws(() => queue.taskDone(), { name: 'ClosedError' });
});

t.test('what a consumer took and did not acknowledge before it died or ended counts as done', async (t) => {
  const queue = new JoinableQueue<number>();
  for (const end of ['kill', 'exit'] as const) {
    const remote = new Remote(t);
    const there = await remote.attach(serialize(queue));
    for (let i = 0; i < 5; i++) await queue.put(i);
    for (let i = 0; i < 4; i++) await there.call('getSync');
    await there.call('taskDone');
    t.equal(queue.getSync(), 4);
    const joined = queue.join();
    await t.rejects(queue.join(10), { name: 'TimeoutError' });
    await remote[end]();
    await t.rejects(queue.join(10), { name: 'TimeoutError' }, 'what this process took is not done');
    queue.taskDone();
    await joined;
    queue.joinSync();
    t.throws(() => queue.taskDone(), { name: 'ValueError' });
  }
  queue.close();
});

t.test('one may acknowledge what another has taken', async (t) => {
  const queue = new JoinableQueue<number>();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(queue));
  await queue.put(1);
  await queue.put(2);
  await there.call('getSync');
  queue.taskDone();
  await remote.kill();
  await t.rejects(queue.join(150), { name: 'TimeoutError' }, 'the dead one owes nothing any more');
  t.equal(await queue.get(), 2);
  queue.taskDone();
  await queue.join();
  queue.close();
});

t.test('a put that fails leaves nothing to wait for', async (t) => {
  const queue = new JoinableQueue<unknown>(1);
  t.throws(() => queue.putSync(Symbol('no')), TypeError);
  await queue.join();
  await queue.put(1);
  await t.rejects(queue.put(2, 5), { name: 'Full' });
  await queue.get();
  queue.taskDone();
  await queue.join();
  queue.close();
});

t.test('names, kinds and handles are those of a queue', async (t) => {
  const name = freshName(t);
  const queue = JoinableQueue.create<typeof JoinableQueue>(2, { name });
  t.throws(() => new Queue(2, { name }), { code: 'ERR_MULTIPROC_KIND' });
  const opened = JoinableQueue.open(name);
  await opened.put('x');
  const there = await new Remote(t).attach(serialize({ queue }.queue));
  t.equal(await there.call('get'), 'x');
  await there.call('taskDone');
  await queue.join();
  opened.close();
  queue.close();
  const pending = new JoinableQueue<number>();
  await pending.put(1);
  const join = pending.join();
  pending.close();
  await t.rejects(join, { name: 'ClosedError' });
});
