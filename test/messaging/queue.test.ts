/** Queue: messages arrive whole, once and in order, whoever puts and gets them, whatever their size. */
import { deserialize, EOFError, Full, inspect, Lock, Queue, SharedArray, serialize, wait, waitSync } from 'multiproc';
import t from 'tap';
import { leaveNothing, segments } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';
import { Unreadable } from '../programs/messaging-targets.js';

leaveNothing(t);

const items: [string, unknown][] = [
  ['null', null],
  ['booleans', [true, false]],
  ['false', false],
  ['an integer', -7],
  ['-0', -0],
  ['a double', 0.1],
  ['NaN', Number.NaN],
  ['2^31', 2 ** 31],
  ['an empty string', ''],
  ['ASCII', 'a'.repeat(100)],
  ['long ASCII', 'b'.repeat(100_000)],
  ['a short string that is not ASCII', 'ü€'],
  ['a string that is not ASCII', 'ü€😀'.repeat(1000)],
  ['half a surrogate pair', `a\ud800${'b'.repeat(40)}`],
  ['a bigint', 2n ** 70n],
  ['a small bigint', -1n],
  ['a Buffer', Buffer.from('bytes')],
  ['no bytes', new Uint8Array(0)],
  ['doubles', new Float64Array([1, 2, 3])],
  ['a DataView', new DataView(new ArrayBuffer(5))],
  ['a large Buffer', Buffer.alloc(3_000_000, 'large')],
  ['an object', { a: [1, { b: new Map([[1, new Set([2])]]) }], d: new Date(5) }],
];

t.test('every value comes out as it was put, in each form', async (t) => {
  const queue = new Queue();
  for (const [name, item] of items) {
    queue.putSync(item);
    t.strictSame(queue.getSync(), item, name);
    await queue.put(item);
    t.strictSame(await queue.get(), item, name);
    t.equal(queue.tryPut(item), true);
    t.strictSame(queue.tryGet(), item, name);
  }
  await queue.putMany(items.map(([, item]) => item));
  t.strictSame(
    await queue.getMany(1000),
    items.map(([, item]) => item),
  );
  queue.putSync(-0);
  t.ok(Object.is(queue.getSync(), -0));
  queue.putSync(Buffer.from('x'));
  t.ok(Buffer.isBuffer(queue.getSync()));
  queue.close();
});

t.test('a message is as it was when it was put', async (t) => {
  const queue = new Queue(1);
  const list = [1];
  const bytes = Buffer.from('old');
  await queue.put(list);
  const second = queue.put(bytes);
  list.push(2);
  bytes.write('new');
  t.strictSame(await queue.get(), [1]);
  t.strictSame(await queue.get(), Buffer.from('old'), 'also one that had to wait');
  await second;
  queue.close();
});

t.test('a bounded queue holds exactly maxsize messages', async (t) => {
  const queue = new Queue<number>(6);
  t.equal(queue.empty(), true);
  t.equal(queue.full(), false);
  await queue.put(1);
  queue.putSync(2);
  queue.putSync(3, 1000);
  await queue.put(4, { timeout: 1000 });
  queue.putNoWait(5);
  t.equal(queue.tryPut(6), true);
  t.equal(queue.qsize(), 6);
  t.equal(queue.full(), true);
  t.equal(queue.tryPut(7), false);
  t.throws(() => queue.putNoWait(7), Full);
  t.throws(() => queue.putSync(7, 0), Full);
  t.throws(() => queue.putSync(7, -5), Full);
  await t.rejects(queue.put(7, 0), Full);
  const start = performance.now();
  t.throws(() => queue.putSync(7, 30), Full);
  await t.rejects(queue.put(7, 30), Full);
  t.ok(performance.now() - start >= 59);
  const there = await new Remote(t).attach(serialize(queue));
  for (let i = 1; i <= 6; i++) t.equal(await there.call('getSync'), i);
  t.equal(queue.empty(), true);
  t.equal(queue.full(), false);
  await there.call('close');
  queue.close();
});

t.test('get takes in order, and says Empty at once or after the time', async (t) => {
  const queue = new Queue<number>();
  const there = await new Remote(t).attach(serialize(queue));
  for (const item of [2, 3, 4, 5]) await there.call('putSync', item);
  t.equal(await queue.get(), 2);
  t.equal(queue.getSync(), 3);
  t.equal(await queue.get(1000), 4);
  t.equal(queue.getNoWait(), 5);
  const isEmpty = { name: 'Empty', code: 'ERR_MULTIPROC_EMPTY' };
  t.throws(() => queue.getNoWait(), isEmpty);
  t.throws(() => queue.getSync(0), isEmpty);
  t.throws(() => queue.getSync(-1), isEmpty);
  await t.rejects(queue.get(0), isEmpty);
  t.equal(queue.tryGet(), undefined);
  const start = performance.now();
  t.throws(() => queue.getSync(30), isEmpty);
  await t.rejects(queue.get(30), isEmpty);
  t.strictSame(await queue.getMany(5, 30), []);
  t.strictSame(queue.getManySync(5, 30), []);
  t.ok(performance.now() - start >= 118);
  await there.call('close');
  queue.close();
});

t.test('waits in every form are ended by a message from another process', async (t) => {
  const queue = new Queue<unknown>();
  const back = new Queue<unknown>();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(queue));
  const thereBack = await remote.attach(serialize(back));
  for (let round = 0; round < 30; round++) {
    const waiting = round % 2 === 0 ? there.call('get') : there.call('getSync');
    await queue.put(round);
    t.equal(await waiting, round);
    const mine = back.get();
    await thereBack.call(round % 3 === 0 ? 'put' : 'putSync', { round });
    t.strictSame(await mine, { round });
  }
  await there.call('close');
  queue.close();
  await thereBack.call('close');
  back.close();
});

t.test('a put that waits is freed by a get in another process, and so on', async (t) => {
  const queue = new Queue<number>(2);
  const there = await new Remote(t).attach(serialize(queue));
  const puts = Array.from({ length: 50 }, (_, i) => queue.put(i));
  for (let i = 0; i < 50; i++) t.equal(await there.call(i % 2 === 0 ? 'getSync' : 'get'), i);
  await Promise.all(puts);
  queue.putSync(50);
  queue.putSync(51);
  const taken = there.call('getSync');
  queue.putSync(52);
  t.equal(await taken, 50);
  await there.call('close');
  queue.close();
});

t.test('tasks of one thread are served in the order in which they came', async (t) => {
  const queue = new Queue<number>(3);
  const gets = Array.from({ length: 20 }, () => queue.get());
  const puts = Array.from({ length: 20 }, (_, i) => queue.put(i));
  t.strictSame(
    await Promise.all(gets),
    Array.from({ length: 20 }, (_, i) => i),
  );
  await Promise.all(puts);
  const more = Array.from({ length: 8 }, (_, i) => queue.put(i));
  t.throws(() => queue.putSync(9, 0), Full, 'a blocking put does not overtake those that wait');
  t.equal(queue.tryPut(9), false);
  for (let i = 0; i < 8; i++) t.equal(await queue.get(), i);
  await Promise.all(more);
  queue.close();
});

t.test('without maxsize put never waits for a reader, and says Full at the capacity', async (t) => {
  const queue = new Queue<Buffer>(0, { capacity: 2 ** 20 });
  for (let round = 0; round < 3; round++) {
    let put = 0;
    t.throws(() => {
      for (;;) {
        queue.putSync(Buffer.alloc(1000, put % 256));
        put++;
      }
    }, Full);
    t.ok(put > 900 && put <= 1048, `${put} messages of 1,000 bytes`);
    await t.rejects(queue.put(Buffer.alloc(1000)), Full);
    t.equal(queue.tryPut(Buffer.alloc(1000)), false);
    t.equal(queue.qsize(), put);
    for (let i = 0; i < put; i++) t.same(queue.getSync(), Buffer.alloc(1000, i % 256));
    t.equal(queue.tryGet(), undefined);
  }
  await t.rejects(queue.put(Buffer.alloc(2 ** 20)), Full, 'more than the capacity');
  queue.close();
});

t.test('a message of 256 MiB passes', async (t) => {
  const queue = new Queue<Buffer>(1);
  const large = Buffer.alloc(2 ** 28, 'large');
  await queue.put(large);
  t.ok((await queue.get()).equals(large));
  queue.close();
});

t.test('what cannot travel fails at put, with its path, and nothing is put', async (t) => {
  const queue = new Queue<unknown>();
  const error = { name: 'TypeError', message: /item\.callback/ };
  await t.rejects(queue.put({ callback: Symbol('no') }), error);
  t.throws(() => queue.putSync({ callback: Symbol('no') }), error);
  t.throws(() => queue.tryPut({ callback: Symbol('no') }), error);
  await t.rejects(queue.put(undefined), TypeError);
  t.throws(() => queue.putSync(undefined), TypeError);
  await t.rejects(queue.putMany([1, undefined]), TypeError);
  t.equal(queue.qsize(), 0);
  queue.close();
});

t.test('a message whose objects cannot be attached is consumed, and the next one comes', async (t) => {
  const queue = new Queue<unknown>();
  const name = freshName(t);
  const lock = new Lock({ name });
  await queue.put({ lock });
  await queue.put('next');
  lock.unlink();
  lock.close();
  await t.rejects(queue.get(), { code: 'ENOENT' });
  t.equal(await queue.get(), 'next');
  queue.close();
});

t.test('a batch ends before a message that cannot be read, and nothing of it is lost', async (t) => {
  const good = new Lock();
  const unreadable = { message: 'unreadable' };
  for (const many of ['getMany', 'getManySync'] as const) {
    const queue = new Queue<unknown>();
    await queue.putMany([1, { two: 2 }, new Unreadable(), 4, new Unreadable(), new Unreadable(), 7, { lock: good }]);
    t.strictSame(await queue[many](10), [1, { two: 2 }]);
    t.equal(queue.empty(), false);
    t.equal(queue.qsize(), 6);
    t.strictSame(await wait([queue], 0), [queue]);
    t.strictSame(waitSync([queue]), [queue]);
    await t.rejects(async () => queue[many](10), unreadable);
    t.strictSame(await queue[many](10), [4]);
    t.throws(() => queue.getSync(0), unreadable);
    await t.rejects(queue.get(), unreadable);
    t.equal(queue.tryGet(), 7);
    await queue.put('new');
    const [{ lock }, last] = (await queue[many](10)) as [{ lock: Lock }, string];
    t.equal(last, 'new');
    lock.close();
    t.equal(queue.empty(), true);
    t.equal(queue.tryGet(), undefined);

    await queue.putMany([1, new Unreadable(), 3]);
    const pending = [queue.get(), t.rejects(queue.get(), unreadable), queue.get()];
    t.strictSame([await pending[0], await pending[2]], [1, 3], 'those who wait one by one are served as ever');
    await pending[1];

    await queue.putMany([new Unreadable(), 2]);
    await t.rejects(async () => queue[many](10), unreadable);
    queue.close();
    t.equal(queue.qsize(), 1);
  }
  good.close();
});

t.test('objects of ours travel through a queue, also the queue itself, and close() does not lose them', async (t) => {
  const queue = new Queue<unknown>();
  const there = await new Remote(t).attach(serialize(queue));
  const lock = new Lock();
  const array = new SharedArray('i', [1, 2, 3]);
  await queue.put({ lock, deep: [array] });
  lock.close();
  const message = (await queue.get()) as { lock: Lock; deep: [Int32Array & { close(): void }] };
  t.equal(message.lock.tryAcquire(), true);
  t.strictSame([...message.deep[0]], [1, 2, 3]);
  message.lock.close();
  message.deep[0].close();
  array.close();
  const inner = new Queue<number>();
  await queue.put(inner);
  const again = (await queue.get()) as Queue<number>;
  await inner.put(5);
  t.equal(await again.get(), 5);
  again.close();
  inner.close();
  await there.call('close');
  queue.close();
});

t.test('end(): readers drain, then get throws EOFError and for await ends, in every process', async (t) => {
  const queue = new Queue<number>();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(queue));
  await queue.put(1);
  await queue.put(2);
  queue.end();
  queue.end();
  const seen: number[] = [];
  for await (const item of queue) seen.push(item);
  t.strictSame(seen, [1, 2]);
  await t.rejects(queue.get(), EOFError);
  t.throws(() => queue.getSync(), EOFError);
  t.throws(() => queue.getNoWait(), EOFError);
  await t.rejects(queue.put(3), { name: 'ClosedError' });
  await t.rejects(there.call('getSync'), { name: 'EOFError' });
  await there.call('close');
  queue.close();

  const open = new Queue<number>();
  const elsewhere = await remote.attach(serialize(open));
  const waiting = [elsewhere.call('get'), open.get()];
  open.end();
  const endings = await Promise.allSettled(waiting);
  await elsewhere.call('close');
  t.match(endings, [{ reason: { name: 'EOFError' } }, { reason: { name: 'EOFError' } }]);
  open.close();
});

t.test('waits end by time, by signal and by close(), and leave nothing behind', async (t) => {
  const queue = new Queue<number>(1);
  const controller = new AbortController();
  const aborted = queue.get({ signal: controller.signal });
  const kept = queue.get();
  const pending = queue.get();
  controller.abort(new Error('enough'));
  await t.rejects(aborted, { message: 'enough' });
  await t.rejects(queue.get({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  await queue.put(1);
  t.equal(await kept, 1, 'the message went to the next one');
  await queue.put(2);
  t.equal(await pending, 2);
  await queue.put(3);
  const stuck = queue.put(4, { signal: AbortSignal.timeout(10) });
  await t.rejects(stuck, { name: 'TimeoutError' });
  t.equal(await queue.get(), 3);
  t.equal(queue.tryGet(), undefined, 'what was aborted is not put');
  await t.rejects(queue.get(0.5), RangeError);
  t.throws(() => queue.getSync({ signal: controller.signal }), TypeError);
  const last = queue.get();
  queue.close();
  await t.rejects(last, { name: 'ClosedError' });
});

t.test('close() is of this process only, idempotent, and qsize() and full() still answer', async (t) => {
  const queue = new Queue<number>(2);
  const there = await new Remote(t).attach(serialize(queue));
  t.throws(() => queue.joinThread(), { name: 'ValueError' });
  await queue.put(1);
  await queue.put(2);
  queue.cancelJoinThread();
  queue.close();
  queue.close();
  queue.joinThread();
  queue.joinThread();
  t.equal(queue.qsize(), 2);
  t.equal(queue.full(), true);
  await t.rejects(queue.get(), { name: 'ClosedError' });
  await t.rejects(queue.put(1), { name: 'ClosedError' });
  for (const use of ['getSync', 'putSync', 'tryGet', 'tryPut', 'empty', 'end'] as const) {
    t.throws(() => queue[use](1), { name: 'ClosedError' }, use);
  }
  t.throws(() => serialize(queue), { name: 'ClosedError' });
  t.equal(await there.call('getSync'), 1);
  t.equal(await there.call('putSync', 3), undefined);
  t.equal(await there.call('getSync'), 2);
  t.equal(await there.call('getSync'), 3);
  await there.call('close');
});

t.test('names, kinds and sizes are compared on opening', async (t) => {
  const name = freshName(t);
  t.throws(() => Queue.open(name), { code: 'ENOENT' });
  const queue = Queue.create(3, { name, capacity: 100_000 });
  t.throws(() => Queue.create(3, { name }), { code: 'EEXIST' });
  t.throws(() => new Lock({ name }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => new Queue(4, { name, capacity: 100_000 }), { code: 'ERR_MULTIPROC_KIND', message: /maxsize 4/ });
  t.throws(() => new Queue(3, { name, capacity: 200_000 }), { code: 'ERR_MULTIPROC_KIND', message: /capacity/ });
  const opened = Queue.open(name);
  const there = await new Remote(t).make('Queue', 3, { name, capacity: 100_000 });
  await there.call('put', 'x');
  t.match(inspect(name), { kind: 'Queue', length: 1 });
  t.equal(opened.getSync(), 'x');
  opened.close();
  await there.call('close');
  queue.close();
  Queue.unlink(name);
  for (const maxsize of [1.5, '3', null, 2 ** 31]) t.throws(() => new Queue(maxsize as never), TypeError);
  t.throws(() => new Queue(0, { capacity: -1 }), RangeError);
  const unbounded = new Queue(-3);
  t.equal(unbounded.full(), false);
  unbounded.close();
});

t.test('the memory of a queue goes with the last process that has it, though nobody closes it', async (t) => {
  const before = segments();
  const remote = new Remote(t);
  const queue = new Queue<number>();
  await remote.attach(serialize(queue));
  queue.close();
  await remote.exit();
  t.strictSame(
    [...segments()].filter((name) => !before.has(name)),
    [],
  );
});

t.test('a process that puts and ends at once loses nothing', async (t) => {
  const queue = new Queue<unknown>();
  for (let i = 0; i < 3; i++) {
    const remote = new Remote(t);
    const there = await remote.attach(serialize(queue));
    await there.call('putSync', { i });
    await (i === 0 ? remote.kill() : remote.exit());
    t.strictSame(await queue.get(), { i });
  }
  queue.close();
});

for (const [puts, gets] of [
  ['sync', 'sync'],
  ['promise', 'promise'],
  ['many', 'many'],
  ['sync', 'promise'],
] as const) {
  for (const maxsize of [0, 5]) {
    t.test(
      `2 producers (${puts}) and 3 consumers (${gets}), maxsize ${maxsize}: each message once, in order`,
      async (t) => {
        const queue = new Queue(maxsize);
        const order = { count: 600 };
        const peers = ['a', 'b', 'x', 'y', 'z'].map((tag, i) => {
          const peer = program(t, 'queue-peer');
          const role = i < 2 ? { does: 'put', form: puts } : { does: 'get', form: gets, count: 400 };
          peer.send({ ...order, ...role, tag, queue: serialize(queue) } as never);
          return peer;
        });
        for (const peer of peers) t.equal(await peer.message(), 'ready');
        for (const peer of peers) peer.send('go');
        const results = await Promise.all(peers.map((peer) => peer.message<string[]>()));
        const got = results.slice(2);
        t.equal(new Set(got.flat()).size, 1200, 'nothing twice, nothing lost');
        for (const list of got) {
          for (const tag of ['a', 'b']) {
            const numbers = list.filter((id) => id.startsWith(tag)).map((id) => Number(id.slice(1)));
            t.strictSame(
              numbers,
              [...numbers].sort((x, y) => x - y),
              'in the order of their producer',
            );
          }
        }
        t.equal(queue.qsize(), 0);
        queue.close();
      },
    );
  }
}

t.test('two objects for one queue in a thread are the same queue', async (t) => {
  const queue = new Queue<string>();
  const one = deserialize(serialize(queue)) as Queue<string>;
  const two = deserialize(serialize(queue)) as Queue<string>;
  await one.put('a');
  t.equal(await two.get(), 'a');
  one.close();
  two.close();
  queue.close();
});
