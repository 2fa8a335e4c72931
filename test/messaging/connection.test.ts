/** Connection: the same contract over memory, over socket files, abstract names and TCP. */
import {
  type Address,
  BufferTooShort,
  Client,
  ClosedError,
  Connection,
  deserialize,
  EOFError,
  JoinableQueue,
  Listener,
  Lock,
  Pipe,
  serialize,
  TimeoutError,
  ValueError,
} from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { Remote } from '../harness/remote.js';

leaveNothing(t);

const carriers: Record<string, () => Promise<[Connection, Connection]>> = {
  'a pipe': async () => Pipe(),
  'a socket file': () => viaListener(undefined),
  'an abstract name': () => viaListener(`\0multiproc-test-${process.pid}`),
  TCP: () => viaListener(['127.0.0.1', 0]),
};

async function viaListener(address: Address | undefined): Promise<[Connection, Connection]> {
  const listener = new Listener(address);
  try {
    return await Promise.all([listener.accept(), Client(listener.address)]);
  } finally {
    listener.close();
  }
}

for (const [name, connect] of Object.entries(carriers)) {
  t.test(`${name}: values and bytes arrive whole and in order, both ways and in both forms`, async (t) => {
    const [a, b] = await connect();
    t.ok(a instanceof Connection);
    t.strictSame([a.readable, a.writable, a.closed, b.readable], [true, true, false, true]);
    t.equal(await a.send([1, 2.25, null]), undefined);
    t.equal(a.sendSync({ deep: new Map([[1, 'x']]) }), undefined);
    t.strictSame(b.recvSync(), [1, 2.25, null]);
    t.strictSame(await b.recv(), { deep: new Map([[1, 'x']]) });
    b.sendSync(undefined);
    t.equal(await a.recv(), undefined);
    for (let i = 0; i < 200; i++) await b.send(i);
    for (let i = 0; i < 200; i++) t.equal(i % 2 === 0 ? await a.recv() : a.recvSync(), i);
    await a.sendBytes(Buffer.from('hello'), 1, 3);
    t.strictSame(await b.recvBytes(), Buffer.from('ell'));
    a.sendBytesSync(new Float64Array([1.5]));
    t.equal(b.recvBytesSync().readDoubleLE(), 1.5);
    await a.sendBytes(new ArrayBuffer(0));
    t.equal((await b.recvBytes()).length, 0);
    a.close();
    b.close();
  });

  t.test(`${name}: a buffer is filled from an offset, and one that is too short loses nothing`, async (t) => {
    const [a, b] = await connect();
    const target = new Int32Array(10).fill(-1);
    await a.sendBytes(new Int32Array([1, 2, 3]));
    t.equal(await b.recvBytesInto(target), 12);
    t.strictSame([...target.subarray(0, 4)], [1, 2, 3, -1]);
    a.sendBytesSync(new Int32Array([7]));
    t.equal(b.recvBytesIntoSync(target, 12), 4);
    t.strictSame([...target.subarray(2, 5)], [3, 7, -1]);
    await a.sendBytes(Buffer.alloc(50, 9));
    const error = await b.recvBytesInto(target).then(
      () => undefined,
      (reason) => reason,
    );
    t.ok(error instanceof BufferTooShort);
    t.strictSame(error.bytes, Buffer.alloc(50, 9));
    t.strictSame(error.args, [Buffer.alloc(50, 9)]);
    t.throws(() => b.recvBytesIntoSync(target, 41), ValueError);
    t.throws(() => b.recvBytesIntoSync([] as never), TypeError);
    t.throws(() => a.sendBytesSync(Buffer.alloc(3), 2, 2), ValueError);
    t.throws(() => a.sendBytesSync(Buffer.alloc(3), -1), ValueError);
    t.throws(() => a.sendBytesSync('text' as never), TypeError);
    a.close();
    b.close();
  });

  t.test(`${name}: messages of any size pass, also while the other side does not take them`, async (t) => {
    const [a, b] = await connect();
    for (const size of [0, 1, 15, 16, 4096, 65_535, 65_536, 65_537, 131_072, 1_000_000, 16 * 1024 * 1024]) {
      const bytes = Buffer.alloc(size);
      for (let i = 0; i < size; i += 997) bytes[i] = i % 251;
      const sent = a.sendBytes(bytes);
      const received = await b.recvBytes();
      await sent;
      t.ok(received.equals(bytes), `${size} bytes`);
    }
    const pending = Array.from({ length: 50 }, (_, i) => a.send(Buffer.alloc(20_000, i)));
    for (let i = 0; i < 50; i++) t.strictSame(await b.recv(), Buffer.alloc(20_000, i));
    await Promise.all(pending);
    a.close();
    b.close();
  });

  t.test(`${name}: poll says what is there, and waits no longer than asked`, async (t) => {
    const [a, b] = await connect();
    t.equal(await b.poll(), false);
    t.equal(b.pollSync(), false);
    t.equal(await b.poll(-1), false);
    const before = performance.now();
    t.equal(await b.poll(30), false);
    t.equal(b.pollSync(30), false);
    t.ok(performance.now() - before >= 59);
    const news = b.poll(Number.POSITIVE_INFINITY);
    await a.send(1);
    t.equal(await news, true);
    t.equal(b.pollSync(Number.POSITIVE_INFINITY), true);
    t.equal(await b.recv(), 1);
    t.equal(await b.poll(), false);
    await t.rejects(b.poll(0.5), RangeError);
    a.close();
    t.equal(await b.poll(Number.POSITIVE_INFINITY), true, 'the end is news, too');
    b.close();
  });

  t.test(`${name}: after the other side has closed, what was sent comes, then the end`, async (t) => {
    const [a, b] = await connect();
    const waiting = b.recv();
    await a.send('first');
    await a.send('last');
    a.close();
    t.equal(await waiting, 'first');
    t.equal(b.recvSync(), 'last');
    await t.rejects(b.recv(), EOFError);
    t.throws(() => b.recvSync(), EOFError);
    await t.rejects(b.recvBytes(), EOFError);
    b.close();
    const [c, d] = await connect();
    const end = d.recv();
    c.close();
    await t.rejects(end, EOFError);
    t.throws(
      () => {
        for (;;) d.sendSync(Buffer.alloc(100_000), 10_000);
      },
      { code: /^(EPIPE|ECONNRESET)$/ },
    );
    d.close();
  });

  t.test(`${name}: iterating gives every value until the end`, async (t) => {
    const [a, b] = await connect();
    for (let i = 0; i < 10; i++) await a.send(i);
    a.close();
    const seen: unknown[] = [];
    for await (const value of b) seen.push(value);
    t.strictSame(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    b.close();
  });

  t.test(`${name}: a wait that ends in vain takes nothing and loses nothing`, async (t) => {
    const [a, b] = await connect();
    await t.rejects(b.recv(5), TimeoutError);
    t.throws(() => b.recvSync(5), TimeoutError);
    t.throws(() => b.recvBytesSync(undefined, 0), TimeoutError);
    await t.rejects(b.recv({ signal: AbortSignal.abort(new Error('never')) }), { message: 'never' });
    const controller = new AbortController();
    const aborted = b.recv({ signal: controller.signal });
    const patient = b.recv();
    controller.abort(new Error('enough'));
    await t.rejects(aborted, { message: 'enough' });
    await a.send('for the patient one');
    t.equal(await patient, 'for the patient one');
    t.throws(() => b.recvSync({ signal: controller.signal }), TypeError);
    a.close();
    b.close();
  });

  t.test(`${name}: a send without room ends in time, and the next messages are whole`, async (t) => {
    const [a, b] = await connect();
    let filled = 0;
    await t.rejects(
      (async () => {
        for (; ; filled++) await a.sendBytes(Buffer.alloc(30_000, filled), undefined, undefined, 20);
      })(),
      TimeoutError,
    );
    t.throws(() => a.sendBytesSync(Buffer.alloc(30_000), undefined, undefined, 5), TimeoutError);
    t.ok(filled > 0);
    const more = a.sendBytes(Buffer.from('after'));
    for (let i = 0; i < filled; i++) t.ok((await b.recvBytes()).equals(Buffer.alloc(30_000, i)));
    let message = await b.recvBytes();
    // What had left in part goes on; over memory nothing of it does.
    if (message.length === 30_000) message = await b.recvBytes();
    t.strictSame(message, Buffer.from('after'));
    await more;
    a.close();
    b.close();
  });

  t.test(`${name}: a message longer than allowed ends the receiving`, async (t) => {
    const [a, b] = await connect();
    await a.sendBytes(Buffer.alloc(10));
    t.equal((await b.recvBytes(10)).length, 10);
    await a.sendBytes(Buffer.alloc(11));
    await t.rejects(b.recvBytes(10), { code: 'EMSGSIZE' });
    t.equal(b.readable, false);
    t.equal(b.closed, false);
    t.throws(() => b.recvSync(), { code: 'EBADF' });
    await b.send('still');
    t.equal(await a.recv(), 'still');
    t.throws(() => a.recvBytesSync(-1), ValueError);
    t.throws(() => a.recvBytesSync('x' as never), TypeError);
    a.close();
    b.close();
  });

  t.test(`${name}: closing ends what waits, and everything after it`, async (t) => {
    const [a, b] = await connect();
    const waiting = b.recv();
    b.close();
    b.close();
    await t.rejects(waiting, ClosedError);
    t.equal(b.closed, true);
    t.throws(() => b.recvSync(), ClosedError);
    await t.rejects(b.send(1), ClosedError);
    await t.rejects(b.poll(), ClosedError);
    a[Symbol.dispose]();
    t.equal(a.closed, true);
  });

  t.test(`${name}: what cannot travel is refused where it is sent`, async (t) => {
    const [a, b] = await connect();
    await t.rejects(a.send({ job: { run: () => 1 } }), { message: /job\.run/ });
    t.throws(() => a.sendSync(Symbol('x')), TypeError);
    await a.send('fine');
    t.equal(await b.recv(), 'fine');
    a.close();
    b.close();
  });

  t.test(`${name}: shared objects arrive as the same`, async (t) => {
    const [a, b] = await connect();
    const lock = new Lock();
    await a.send({ lock });
    const { lock: same } = (await b.recv()) as { lock: Lock };
    lock.acquireSync();
    t.equal(same.tryAcquire(), false);
    lock.release();
    lock.close();
    same.close();
    a.close();
    b.close();
  });
}

t.test('a connection over a socket travels, unless a message has come or gone in part', async (t) => {
  const listener = new Listener();
  const [client, accepted] = await Promise.all([Client(listener.address), listener.accept()]);
  // What fails on the way keeps nothing open.
  t.throws(() => serialize([accepted, () => 1]), TypeError);
  const copy = deserialize(serialize(accepted)) as Connection;
  await client.send(1);
  t.equal(await copy.recv(), 1);
  await client.send(2);
  t.equal(await accepted.poll(Infinity), true);
  t.throws(() => serialize(accepted), { name: 'TypeError', message: /receive it first/ });
  t.equal(await accepted.recv(), 2);
  const controller = new AbortController();
  const sending = t.rejects(accepted.send(Buffer.alloc(8 * 1024 * 1024), { signal: controller.signal }));
  t.throws(() => serialize(accepted), { name: 'TypeError', message: /await them first/ });
  controller.abort();
  await sending;
  accepted.close();
  t.throws(() => serialize(accepted), { name: 'ClosedError' });
  // A message is given to one receiver only.
  const bytes = serialize(copy);
  (deserialize(bytes) as Connection).close();
  t.throws(() => deserialize(bytes), { code: 'ENOENT', message: /has arrived elsewhere/ });
  copy.close();
  for (;;) {
    try {
      await client.recvBytes();
    } catch (error) {
      t.ok(error instanceof EOFError, 'nobody has it open any more');
      break;
    }
  }
  client.close();
  listener.close();
});

t.test('a connection over a socket that a dead consumer had can be had by the next one', async (t) => {
  const queue = new JoinableQueue<Connection>(0, { redeliver: true });
  const listener = new Listener();
  const [client, accepted] = await Promise.all([Client(listener.address), listener.accept()]);
  const remote = new Remote(t);
  const there = await remote.attach(serialize(queue));
  queue.putSync(accepted);
  accepted.close();
  await there.call('getMany', 1).catch(() => {});
  await remote.kill();
  const again = await queue.get();
  again.sendSync('hello');
  t.equal(await client.recv(), 'hello');
  again.close();
  queue.taskDone();
  await t.rejects(client.recv(), EOFError, 'what was kept for others is let go');
  client.close();
  listener.close();
  queue.close();
});

t.test('a connection is not made of what is no descriptor', async (t) => {
  t.throws(() => new Connection(-1), ValueError);
  t.throws(() => new Connection(44_977_608), { code: 'EBADF' });
  t.throws(() => new Connection(2 ** 40), ValueError);
  t.throws(() => new Connection('1' as never), TypeError);
  t.throws(() => new Connection(0, { readable: false, writable: false }), ValueError);
});
