/** Receiving functions of modules that are not loaded yet and have to be waited for: promise forms import them. */
import { Pipe, Queue, SimpleQueue, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

leaveNothing(t);

const queue = new Queue<unknown>();
const simple = new SimpleQueue<unknown>();
const [here, there] = Pipe();
const sender = program(t, 'late-sender');
sender.send(serialize({ queue, simple, end: there }));
there.close();

let count = 0;
const request = (to: string, large = false) => {
  sender.send({ to, n: ++count, large } as never);
  return `?${count}`;
};
const checked = (t: { equal(found: unknown, wanted: unknown): unknown }, value: unknown, expected: string) => {
  const { late } = value as { late: () => string };
  t.equal(late(), expected);
};

const promises: Record<string, readonly [string, () => Promise<unknown>]> = {
  'Queue.get': ['queue', () => queue.get()],
  'Queue.get with a time-out': ['queue', () => queue.get(60_000)],
  'Queue.getMany': ['queue', async () => (await queue.getMany(5))[0]],
  'for await of a Queue': ['queue', async () => (await queue[Symbol.asyncIterator]().next()).value],
  'SimpleQueue.get': ['simple', () => simple.get()],
  'Connection.recv': ['pipe', () => here.recv()],
  'for await of a Connection': ['pipe', async () => (await here[Symbol.asyncIterator]().next()).value],
};

t.test('promise forms import what the message needs, whether it is there or comes later', async (t) => {
  for (const [form, [to, receive]] of Object.entries(promises)) {
    t.comment(form);
    for (let small = 0; small < 2; small++) {
      const there = request(to);
      t.equal(await sender.message(), 'sent');
      checked(t, await receive(), there);
      const waiting = receive();
      const later = request(to, true);
      checked(t, await waiting, later);
      t.equal(await sender.message(), 'sent');
    }
  }
});

const blocking: Record<string, readonly [string, () => unknown]> = {
  'Queue.getSync': ['queue', () => queue.getSync()],
  'Queue.tryGet': ['queue', () => queue.tryGet()],
  'Queue.getManySync': ['queue', () => queue.getManySync(5)],
  'SimpleQueue.getSync': ['simple', () => simple.getSync()],
  'Connection.recvSync': ['pipe', () => here.recvSync()],
};

t.test('blocking forms say what to do, and go on with the next message', async (t) => {
  for (const [form, [to, receive]] of Object.entries(blocking)) {
    request(to);
    t.equal(await sender.message(), 'sent');
    t.throws(
      receive,
      { name: 'TypeError', message: /late-function.*Import it before, or receive with an async/ },
      form,
    );
  }
  await queue.put(1);
  t.equal(queue.getSync(), 1);
});

t.test('a module that fails is told where its function would have been received', async (t) => {
  process.env.TEST_LATE_FAILS = '1';
  for (const [form, [to, receive]] of Object.entries(promises)) {
    const waiting = receive();
    const told = t.rejects(waiting, { name: 'TypeError', message: /fails to load: not here/ }, form);
    request(to);
    await told;
    t.equal(await sender.message(), 'sent');
  }
  delete process.env.TEST_LATE_FAILS;
});

t.teardown(async () => {
  sender.send({ to: '', n: 0 } as never);
  for (const one of [queue, simple, here]) one.close();
  await sender.ended;
});
