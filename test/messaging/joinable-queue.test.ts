/** JoinableQueue: join ends when everything is acknowledged, and when those who did not acknowledge have died. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, JoinableQueue, Lock, Queue, SharedArray, serialize, wait, waitSync } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';
import { until } from '../harness/until.js';

t.setTimeout(600_000);
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

t.test('an acknowledgement ahead of its message counts for the next one that is taken', async (t) => {
  const queue = new JoinableQueue<number>();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(queue));
  await queue.put(1);
  await queue.put(2);
  queue.taskDone();
  await there.call('getSync');
  await remote.kill();
  await t.rejects(queue.join(150), { name: 'TimeoutError' }, 'the dead one owed nothing, and one message is unread');
  t.equal(queue.getSync(), 2);
  queue.taskDone();
  await queue.join();
  t.throws(() => queue.taskDone(), { name: 'ValueError' });
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

t.test(
  'with redeliver, what a consumer did not acknowledge before it died or ended comes again, oldest first',
  async (t) => {
    for (const end of ['kill', 'exit'] as const) {
      const name = freshName(t);
      const queue = new JoinableQueue<unknown>(0, { redeliver: true, name });
      const remote = new Remote(t);
      const there = await remote.attach(serialize(queue));
      const values = [0, { one: 1 }, Buffer.alloc(300_000, 'two'), 'three', 4, 5, 6];
      await queue.putMany(values);
      for (let i = 0; i < 5; i++) await there.call('getSync');
      await t.rejects(there.call('taskDone'), { name: 'ValueError', message: /does not guess.*take\(\)/ });
      await there.call('taskDone', 0);
      t.equal(queue.getSync(), 5, 'it lives');
      t.equal(queue.qsize(), 1);
      const joined = queue.join();
      await remote[end]();
      // Who joins looks for the dead, as those who wait for messages do.
      await until('four messages are delivered again', () => queue.qsize() === 5);
      t.equal(inspect(name).length, 5);
      t.equal(await queue.get(), 6, 'behind those that wait');
      t.equal(queue.qsize(), 4);
      const again = await queue.getMany(10);
      t.strictSame(again, values.slice(1, 5), 'what was taken first comes first');
      t.equal(queue.empty(), true);
      t.throws(() => queue.joinSync(5), { name: 'TimeoutError' });
      for (const value of [5, 6, ...again]) queue.taskDone(value);
      await joined;
      t.throws(() => queue.taskDone(), { name: 'ValueError' });
      queue.close();
    }
  },
);

t.test('with redeliver, those who wait in any form get what a dead consumer had', async (t) => {
  const queue = new JoinableQueue<number>(1, { redeliver: true });
  const blocked = await new Remote(t).attach(serialize(queue));
  const forms: Record<string, () => Promise<unknown>> = {
    get: () => queue.get(),
    getMany: async () => (await queue.getMany(3))[0],
    'for await': async () => (await queue[Symbol.asyncIterator]().next()).value,
    wait: async () => {
      await wait([queue]);
      return queue.tryGet();
    },
    getSync: async () => {
      const value = await blocked.call('getSync');
      await blocked.call('taskDone');
      await queue.put(0);
      await queue.get();
      return value;
    },
  };
  let i = 1;
  for (const [form, receive] of Object.entries(forms)) {
    const victim = new Remote(t);
    const there = await victim.attach(serialize(queue));
    await queue.put(i);
    t.equal(await there.call('getSync'), i);
    const waiting = receive();
    await victim.kill();
    t.equal(await waiting, i++, form);
    queue.taskDone();
    await queue.join();
  }
  // A blocked thread looks for the dead, too: nobody tells it.
  const victim = new Remote(t);
  const there = await victim.attach(serialize(queue));
  await queue.put(i);
  t.equal(await there.call('getSync'), i);
  const killed = once(spawn('sh', ['-c', `sleep 0.2; kill -9 ${victim.pid}`]), 'exit');
  t.strictSame(waitSync([queue]), [queue]);
  // Its memory goes when all of it has ended.
  const gone = victim.kill();
  t.equal(queue.tryGet(), i);
  queue.taskDone();
  await Promise.all([gone, killed]);
  await blocked.call('close');
  queue.close();
});

t.test('with redeliver, an object in a message can be had by whoever gets it next', async (t) => {
  const queue = new JoinableQueue<{ lock: Lock; n: number }>(0, { redeliver: true });
  const lock = new Lock();
  for (let n = 0; n < 2; n++) await queue.put({ lock, n });
  lock.close();
  const consumer = program(t, 'redelivery-consumer');
  consumer.send(serialize(queue));
  t.equal(await consumer.message(), 'has it');
  consumer.kill();
  await consumer.ended;
  const [first, second] = [queue.getSync(), queue.getSync()];
  t.strictSame([first.n, second.n], [0, 1]);
  t.equal(first.lock.tryAcquire(), true);
  t.equal(second.lock.locked(), true);
  first.lock.release();
  for (const one of [first, second]) one.lock.close();
  queue.taskDone(second);
  queue.taskDone(first);
  queue.joinSync();
  queue.close();
});

t.test('with redeliver, what is not acknowledged takes memory up to the capacity, and gives it back', async (t) => {
  const queue = new JoinableQueue<Buffer>(0, { redeliver: true, capacity: 4_000_000 });
  const put = (i: number) => queue.put(Buffer.alloc(100_000, i));
  let taken = 0;
  const open: Buffer[] = [];
  for (; ; taken++) {
    await put(taken);
    try {
      open.push(queue.getSync());
    } catch (error) {
      t.match(error, { code: 'ENOSPC' });
      break;
    }
  }
  t.ok(taken >= 40 && taken < 60, `${taken} messages`);
  queue.taskDone(open.shift());
  open.push(await queue.get());
  t.equal(open.at(-1)?.[0], taken, 'it was not lost');
  for (const one of open) queue.taskDone(one);
  await queue.join();
  for (let i = 0; i < 200; i++) {
    await put(i);
    if (queue.getSync()[0] !== i % 256) t.fail(`not ${i}`);
    queue.taskDone();
  }
  queue.close();
  t.throws(() => new JoinableQueue(0, { redeliver: 1 as never }), TypeError);
  const name = freshName(t);
  const named = JoinableQueue.create<typeof JoinableQueue>(0, { name, redeliver: true });
  t.throws(() => new JoinableQueue(0, { name }), { code: 'ERR_MULTIPROC_KIND', message: /redeliver/ });
  const opened = JoinableQueue.open<typeof JoinableQueue>(name);
  await opened.put(1);
  t.equal(named.getSync(), 1);
  named.taskDone();
  opened.joinSync();
  for (const one of [named, opened]) one.close();
});

t.test('with redeliver, a batch that runs out of memory half-way has what it took', async (t) => {
  for (const form of ['getMany', 'getManySync'] as const) {
    const queue = new JoinableQueue<Buffer>(0, { redeliver: true, capacity: 512 * 1024 });
    const got: Buffer[] = [];
    let put = 0;
    for (let full = false; !full; ) {
      for (let i = 0; i < 20; i++) await queue.put(Buffer.alloc(8000, put++ % 256));
      try {
        got.push(...(await queue[form](1000)));
      } catch (error) {
        t.match(error, { code: 'ENOSPC' });
        full = true;
      }
    }
    t.equal(got.length + queue.qsize(), put, form);
    for (const one of got) queue.taskDone(one);
    for (let i = got.length; i < put; i++) {
      got.push(queue.getSync());
      queue.taskDone(got.at(-1));
    }
    t.ok(got.every((message, i) => message[0] === i % 256));
    await queue.join();
    queue.close();
  }
});

const kills = Number(process.env.MULTIPROC_REDELIVERY_KILLS ?? 5);

t.test(
  `with redeliver, nothing is lost though ${kills} consumers are killed at any moment`,
  { timeout: 600_000 },
  async (t) => {
    const queue = new JoinableQueue<unknown>(0, { redeliver: true });
    const count = 400 * kills;
    const seen = new SharedArray('i', count, { lock: false });
    const message = (i: number) => (i % 3 === 0 ? i : i % 3 === 1 ? { i } : [i, 'x'.repeat(i % 5000)]);
    await queue.putMany(Array.from({ length: count }, (_, i) => message(i)));
    const consumer = async () => {
      const one = program(t, 'redelivery-consumer', { timeout: 600_000 });
      one.send(serialize({ queue, seen }));
      t.equal(await one.message(), 'ready');
      return one;
    };
    let crew = await Promise.all([consumer(), consumer()]);
    for (let kill = 0; kill < kills; kill++) {
      await sleep((kill * 7) % 20);
      crew[0]?.kill();
      await crew[0]?.ended;
      crew = [crew[1] as Program, await consumer()];
    }
    await queue.join();
    t.equal(queue.qsize(), 0);
    const lost = [...seen].filter((times) => times === 0).length;
    const again = [...seen].filter((times) => times > 1).length;
    t.equal(lost, 0);
    // A consumer may die between dealing with a message and acknowledging it.
    t.ok(again <= kills * 2, `${again} were dealt with twice`);
    for (const one of crew) one.kill();
    for (const one of crew) await one.ended;
    queue.close();
    seen.close();
  },
);

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
