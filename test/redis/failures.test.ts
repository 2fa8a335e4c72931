/** Connections that break, servers that restart, consumers that die, and calls that a server cannot serve. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { noRedis, RedisServer } from '../harness/redis.js';

leaveNothing(t);

t.test('a change that is sent again after a connection broke takes effect once', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const context = await server.connect(t);
  const killer = server.client();
  t.teardown(() => killer.disconnect());
  const value = new context.Value('i', 0, { name: 'sum' });
  const queue = new context.Queue<number>(0, { name: 'messages' });
  const map = new context.SharedMap<string, number>({ name: 'map' });
  const before: number[] = [];
  for (let round = 0; round < 10; round++) {
    const work = Array.from({ length: 20 }, async (_, i) => {
      before.push(await value.add(1));
      await queue.put(round * 20 + i);
      await map.add('sum');
    });
    await killer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all(work);
  }
  t.equal(await value.value, 200);
  t.equal(new Set(before).size, 200, 'each call has a result of its own');
  t.equal(await map.get('sum'), 200);
  const got = await queue.getMany(1000);
  t.strictSame(
    got.sort((one, other) => one - other),
    Array.from({ length: 200 }, (_, i) => i),
  );
});

t.test('a wait goes through a restart of the server', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const context = await server.connect(t);
  const queue = new context.Queue<string>(0, { name: 'messages' });
  const event = new context.Event({ name: 'ready' });
  await queue.put('kept');
  await queue.get();
  const getting = queue.get();
  const waiting = event.wait();
  await server.restart();
  await queue.put('message');
  t.equal(await getting, 'message');
  await event.set();
  t.equal(await waiting, true);
});

t.test('the messages of a consumer that died are delivered again', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const context = await server.connect(t, { lease: 2000 });
  const options = { name: 'tasks', redeliver: true };
  const queue = new context.JoinableQueue<number>(0, options);
  // A consumer that neither renews nor gives back, as one that was killed: its object is closed.
  const dead = new context.JoinableQueue<number>(0, options);
  await queue.put(1);
  t.equal((await dead.take()).attempts, 1);
  dead.close();
  const again = await queue.take();
  t.strictSame([again.value, again.attempts], [1, 2]);
  await again.done();
  await queue.join();
});

t.test('a server without memory is an error, not a lost message', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t, { args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
  const context = await server.connect(t);
  const queue = new context.Queue<Buffer>(0, { name: 'messages' });
  let count = 0;
  await t.rejects(
    async () => {
      for (;;) {
        await queue.put(Buffer.alloc(100_000));
        count++;
      }
    },
    { code: 'ERR_MULTIPROC_FULL', message: /maxmemory/ },
  );
  t.equal(await queue.qsize(), count);
});

t.test('calls that need another place say so', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const context = await server.connect(t);
  const lock = new context.Lock({ name: 'lock' });
  const queue = new context.JoinableQueue(0, { name: 'queue' });
  const blocking: (() => unknown)[] = [
    () => lock.acquireSync(),
    () => lock.runSync(() => 1),
    () => lock.holdSync(),
    () => queue.putSync(1),
    () => queue.getSync(),
    () => queue.takeSync(),
    () => queue.joinSync(),
    () => new context.Event({ name: 'event' }).waitSync(),
    () => new context.Value('i', 0, { name: 'value' }).updateSync(() => 1),
  ];
  for (const call of blocking) t.throws(call, { code: 'ERR_MULTIPROC_SYNC', message: /returns a promise/ });
  t.throws(() => new context.Lock(undefined as never), { name: 'TypeError', message: /\{ name \}/ });
  t.throws(() => context.Condition, { code: 'ERR_MULTIPROC_REDIS', message: /Event, a Queue/ });
  await context.close();
  await t.rejects(lock.acquire(), { code: 'ERR_MULTIPROC_CLOSED' });
  t.throws(() => new context.Lock({ name: 'late' }), { code: 'ERR_MULTIPROC_CLOSED' });
});
