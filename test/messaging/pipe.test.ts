/** Pipe: an end is open while anybody has it, or it is on its way; and nobody's death hurts the others. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Connection, deserialize, EOFError, Pipe, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing, segments } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { Remote } from '../harness/remote.js';

leaveNothing(t);

const isWhole = (message: Buffer, index: number) =>
  message.subarray(4).equals(Buffer.alloc(message.length - 4, index % 256));

t.test('a one-way pipe goes from the second to the first', async (t) => {
  const [reader, writer] = Pipe(false);
  t.strictSame([reader.readable, reader.writable, writer.readable, writer.writable], [true, false, false, true]);
  await writer.send('x');
  t.equal(await reader.recv(), 'x');
  t.throws(() => reader.sendSync(1), { code: 'EBADF' });
  t.throws(() => writer.recvSync(), { code: 'EBADF' });
  const copy = deserialize(serialize(reader)) as Connection;
  t.strictSame([copy.readable, copy.writable], [true, false]);
  await writer.sendBytes(Buffer.alloc(5));
  await t.rejects(reader.recvBytes(3), { code: 'EMSGSIZE' });
  t.equal(reader.closed, true, 'it can do nothing any more');
  copy.close();
  t.throws(() => writer.sendSync(1), { code: 'EPIPE' });
  writer.close();
});

t.test('an end that is on its way counts as open, also when its sender has closed it', async (t) => {
  const [a, b] = Pipe();
  const bytes = serialize(b);
  b.close();
  t.equal(await a.poll(50), false, 'no end yet');
  await a.send('early');
  const remote = new Remote(t);
  const there = await remote.attach(bytes);
  t.equal(await there.call('recv'), 'early');
  await there.call('send', 'back');
  t.equal(a.recvSync(), 'back');
  await there.call('close');
  t.throws(() => a.recvSync(), EOFError);
  t.throws(() => a.sendSync(1), { code: 'EPIPE' });
  a.close();
});

t.test('an end is open until the last of those who have it has closed it', async (t) => {
  const [a, b] = Pipe();
  const remotes = [new Remote(t), new Remote(t)];
  const there = await Promise.all(remotes.map((remote) => remote.attach(serialize(b))));
  b.close();
  await there[0]?.call('send', 'one');
  await there[0]?.call('close');
  t.equal(a.recvSync(), 'one');
  t.equal(a.pollSync(20), false);
  const end = a.recv();
  await there[1]?.call('send', 'two');
  t.equal(await end, 'two');
  const last = t.rejects(a.recv(), EOFError);
  await remotes[1]?.exit();
  await last;
  a.close();
});

t.test('the death of the last one is noticed by those who wait in any form, here and elsewhere', async (t) => {
  const [a, b] = Pipe();
  const victim = new Remote(t);
  const [other, another] = [new Remote(t), new Remote(t)];
  const there = await victim.attach(serialize(b));
  const [one, two] = [await other.attach(serialize(a)), await another.attach(serialize(a))];
  b.close();
  await there.call('send', 'before');
  t.equal(await a.recv(), 'before');
  const waits = Promise.allSettled([a.recv(), one.call('recvSync'), two.call('recv'), one.call('recvSync')]);
  await victim.kill();
  for (const outcome of await waits) t.match(outcome, { status: 'rejected', reason: { name: 'EOFError' } });
  await one.call('close');
  await two.call('close');
  t.throws(() => a.sendSync(1), { code: 'EPIPE' });
  a.close();
});

t.test('a sender that waits for room is told that nobody will receive', async (t) => {
  const [a, b] = Pipe();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(b));
  b.close();
  const stuck = a.sendBytes(Buffer.alloc(8 * 1024 * 1024));
  await there.call('poll', 10_000);
  const told = t.rejects(stuck, { code: 'EPIPE' });
  await remote.kill();
  await told;
  a.close();
});

t.test('a message that its sender did not finish is not received', async (t) => {
  const [a, b] = Pipe();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(b));
  const large = there.call('sendBytes', Buffer.alloc(4 * 1024 * 1024, 1));
  large.catch(() => {});
  t.equal(await a.poll(10_000), true);
  await remote.kill();
  // What it left fills the pipe until somebody looks.
  const sent = b.send('whole');
  t.equal(await a.recv(), 'whole');
  await sent;
  const controller = new AbortController();
  const given = b.sendBytes(Buffer.alloc(4 * 1024 * 1024, 2), undefined, undefined, { signal: controller.signal });
  const begun = a.recvBytes();
  const refused = t.rejects(given, { name: 'AbortError' });
  controller.abort();
  await refused;
  await b.send('also whole');
  t.equal(deserialize(await begun), 'also whole');
  a.close();
  b.close();
});

t.test(
  'a length that is claimed takes no memory before the bytes come; what is larger arrives all the same',
  async (t) => {
    const before = segments();
    const [a, b] = Pipe();
    // A pipe has a file of its own name once an end has travelled.
    const copy = deserialize(serialize(b)) as Connection;
    const large = Buffer.alloc(70 * 1024 * 1024, 'large');
    const [received] = await Promise.all([b.recvBytes(), a.sendBytes(large)]);
    t.ok(received.equals(large));
    const [file] = [...segments()].filter((name) => !before.has(name));
    const mark = 'beginning of all';
    const marked = Buffer.alloc(4 * 1024 * 1024, 'the rest');
    marked.write(mark);
    const sending = a.sendBytes(marked);
    // The first piece's header lies before its bytes: size, sender, and the length of the whole message. Pieces begin at
    // multiples of 16, so the end of the ring does not tear so few bytes.
    const path = `/dev/shm/${file}`;
    const at = readFileSync(path).indexOf(mark) - 16;
    const claim = Buffer.alloc(8);
    claim.writeBigUInt64LE(3n * 1024n ** 3n);
    const forged = openSync(path, 'r+');
    writeSync(forged, claim, 0, 8, at + 8);
    closeSync(forged);
    const used = process.memoryUsage().arrayBuffers;
    const next = b.recvBytes();
    t.ok(process.memoryUsage().arrayBuffers - used < 100 * 1024 * 1024);
    await sending;
    await a.sendBytes(Buffer.from('next'));
    t.equal((await next).toString(), 'next', 'it ended too early, and was given up');
    copy.close();
    a.close();
    b.close();
  },
);

t.test('a receiver that finds a message too long which it has in part is not in the way of others', async (t) => {
  const [a, b] = Pipe();
  const remote = new Remote(t);
  const there = await remote.attach(serialize(b));
  const controller = new AbortController();
  const sending = a.sendBytes(Buffer.alloc(1024 * 1024), undefined, undefined, { signal: controller.signal });
  t.throws(() => b.recvBytesSync(undefined, 0), { name: 'TimeoutError' });
  t.throws(() => b.recvBytesSync(1000), { code: 'EMSGSIZE' });
  const refused = t.rejects(sending, { name: 'AbortError' });
  controller.abort();
  await refused;
  const next = there.call('recv');
  await a.send('for others');
  t.equal(await next, 'for others');
  await there.call('close');
  a.close();
  b.close();
});

t.test('each message goes to one of several receivers, whole, and none is lost', async (t) => {
  const [a, b] = Pipe();
  const workers = await Promise.all(
    [1, 2, 3].map(async () => {
      const worker = program(t, 'pipe-worker');
      worker.send(serialize(b));
      t.equal(await worker.message(), 'ready');
      return worker;
    }),
  );
  const count = 3000;
  const sizes = (i: number) => (i % 100 === 0 ? 200_000 : (i * 37) % 5000);
  const sending = (async () => {
    for (let i = 0; i < count; i++) {
      const bytes = Buffer.alloc(4 + sizes(i), i % 256);
      bytes.writeUInt32LE(i);
      await a.sendBytes(bytes);
    }
    a.close();
  })();
  b.close();
  const seen = new Set<number>();
  for (const worker of workers) {
    const { indices, torn } = await worker.message<{ indices: number[]; torn: number }>();
    t.equal(torn, 0);
    for (const index of indices) seen.add(index);
  }
  await sending;
  t.equal(seen.size, count);
});

t.test('an end travels to a Worker and through a pipe', async (t) => {
  const [a, b] = Pipe();
  const [c, d] = Pipe();
  await a.send({ end: d });
  d.close();
  const { end } = (await b.recv()) as { end: Connection };
  const source = `
    import { workerData } from 'node:worker_threads';
    const { deserialize } = await import(${JSON.stringify(import.meta.resolve('multiproc'))});
    const end = deserialize(workerData);
    end.sendSync(end.recvSync() + 1);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: serialize(end),
  });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  end.close();
  await c.send(41);
  t.equal(await c.recv(), 42);
  await t.rejects(c.recv(), EOFError, 'the Worker ended without closing it');
  await exited;
  for (const one of [a, b, c]) one.close();
});

// How many processes are killed at either end; `npm run test:crash` takes more.
const rounds = Number(process.env.MULTIPROC_PIPE_KILLS ?? 8);
const timeout = 100_000 + rounds * 2_000;

t.test('killed at any moment, a sender leaves whole messages and an end', { timeout }, async (t) => {
  for (let round = 0; round < rounds; round++) {
    const [a, b] = Pipe();
    const sender = program(t, 'pipe-sender');
    sender.send({ end: serialize(b), large: round % 3 === 0 });
    b.close();
    const enough = 5 + Math.floor(Math.random() * 300);
    let received = 0;
    for (;;) {
      if (received === enough) sender.kill();
      const message = await a.recvBytes().catch((error) => {
        if (!(error instanceof EOFError)) throw error;
        return undefined;
      });
      if (message === undefined) break;
      const index = message.readUInt32LE(0);
      if (index !== received || !isWhole(message, index)) {
        t.fail(`message ${received} is torn, or another one`);
        break;
      }
      received++;
    }
    t.ok(received >= enough);
    await sender.ended;
    a.close();
  }
});

t.test('killed at any moment, a receiver leaves the others whole messages', { timeout }, async (t) => {
  const [a, b] = Pipe();
  let next = 0;
  let stopped = false;
  const sending = (async () => {
    for (; !stopped; next++) {
      const bytes = Buffer.alloc(next % 7 === 0 ? 300_000 : 1000, next % 256);
      bytes.writeUInt32LE(next);
      await a.sendBytes(bytes);
    }
  })();
  const handle = () => serialize(b);
  for (let round = 0; round < rounds; round++) {
    const victim = program(t, 'pipe-worker');
    victim.send(handle());
    await victim.message();
    for (let i = 0; i < 20; i++) {
      const message = await b.recvBytes();
      if (!isWhole(message, message.readUInt32LE(0))) t.fail('a torn message');
    }
    victim.kill();
    await victim.ended;
  }
  stopped = true;
  while (await b.poll(200)) await b.recvBytes();
  await sending;
  t.equal(await b.poll(), false);
  a.close();
  await t.rejects(b.recv(), EOFError);
  b.close();
});

t.test('a number does not overtake a message that waits for room', async (t) => {
  const [end, other] = Pipe();
  const large = Buffer.alloc(1_000_000, 1);
  const sent = [end.send(large), end.send(1), end.send('two'), end.send(null)];
  t.strictSame(await other.recv(), large);
  t.strictSame([await other.recv(), await other.recv(), await other.recv()], [1, 'two', null]);
  await Promise.all(sent);
  // A full pipe of short messages: those that do not fit any more come after those that do.
  let count = 0;
  const waiting: Promise<void>[] = [];
  for (; count < 20_000; count++) waiting.push(end.send(count));
  for (let i = 0; i < count; i++) if ((await other.recv()) !== i) return t.fail(`message ${i} is another one`);
  await Promise.all(waiting);
  end.close();
  other.close();
});
