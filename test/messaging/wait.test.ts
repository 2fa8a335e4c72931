/** wait: all that are ready, of any mixture, in both forms; nothing is taken. */
import {
  Barrier,
  Client,
  ClosedError,
  type Connection,
  EOFError,
  JoinableQueue,
  Listener,
  Pipe,
  Process,
  Queue,
  SimpleQueue,
  serialize,
  wait,
  waitSync,
} from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { pause } from '../programs/pause.js';

leaveNothing(t);

const forms: Record<string, (objects: never[], timeout?: number) => Promise<unknown[]>> = {
  wait: (objects, timeout) => wait(objects, timeout),
  waitSync: async (objects, timeout) => waitSync(objects, timeout),
};

for (const [form, look] of Object.entries(forms)) {
  const ready = look as (objects: unknown[], timeout?: number) => Promise<unknown[]>;

  t.test(`${form}: connections, queues and listeners, ready or not`, async (t) => {
    const [a, b] = Pipe();
    const listener = new Listener();
    const [accepted, client] = await Promise.all([listener.accept(), Client(listener.address)]);
    const queue = new Queue<number>();
    const joinable = new JoinableQueue<number>();
    const simple = new SimpleQueue<number>();
    const all = [b, accepted, listener, queue, joinable, simple];
    t.strictSame(await ready(all, 0), []);
    const before = performance.now();
    t.strictSame(await ready(all, 50), []);
    t.strictSame(await ready([b], 20), []);
    t.strictSame(await ready([accepted, listener], 20), []);
    t.ok(performance.now() - before >= 89);
    a.sendSync(1);
    t.strictSame(await ready(all), [b]);
    client.sendSync(2);
    t.strictSame(await ready(all, 1000), [b, accepted]);
    queue.putSync(3);
    joinable.putSync(3);
    simple.putSync(3);
    t.strictSame(await ready(all), [b, accepted, queue, joinable, simple]);
    const second = await Client(listener.address);
    t.strictSame(await ready(all), all);
    t.equal(b.recvSync(), 1);
    t.strictSame(await ready(all), all.slice(1));
    for (const one of [a, b, accepted, client, second, listener, queue, joinable, simple]) one.close();
    await t.rejects(ready([b]), ClosedError);
    await t.rejects(ready([simple]), ClosedError);
  });

  t.test(`${form}: the end of the other side, and of a process, are news`, async (t) => {
    const [a, b] = Pipe();
    const [tell, told] = Pipe();
    const [c, d] = Pipe();
    const child = new Process({ target: pause, args: [told] });
    child.start();
    told.close();
    const all = [b, child.sentinel, c];
    t.strictSame(await ready(all, 20), []);
    tell.sendSync('end');
    t.strictSame(await ready(all), [child.sentinel]);
    d.sendSync(1);
    t.strictSame(await ready(all), [child.sentinel, c]);
    a.close();
    t.strictSame(await ready(all), [b, child.sentinel, c]);
    await child.join();
    child.close();
    for (const one of [b, c, d, tell]) one.close();
  });

  t.test(`${form}: four processes write to pipes of their own, and all of it comes`, async (t) => {
    const pipes = [1, 2, 3, 4].map(() => Pipe(false));
    const programs = pipes.map(([, writer], i) => {
      const one = program(t, 'pipe-writer');
      one.send({ end: serialize(writer), index: i });
      writer.close();
      return one;
    });
    let readers = pipes.map(([reader]) => reader);
    const seen: unknown[] = [];
    while (readers.length > 0) {
      for (const reader of (await ready(readers)) as Connection[]) {
        try {
          seen.push(reader.recvSync());
        } catch (error) {
          if (!(error instanceof EOFError)) throw error;
          readers = readers.filter((one) => one !== reader);
          reader.close();
        }
      }
    }
    t.equal(seen.length, 40);
    t.equal(new Set(seen).size, 40);
    for (const one of programs) await one.ended;
  });
}

t.test('a wait is woken by whatever comes first, and can be aborted', async (t) => {
  const [a, b] = Pipe();
  const listener = new Listener();
  const queue = new Queue<number>();
  const waiting = wait([b, listener, queue]);
  await queue.put(1);
  t.strictSame(await waiting, [queue]);
  await queue.get();
  const again = wait([b, listener, queue]);
  const client = await Client(listener.address);
  t.strictSame(await again, [listener]);
  (await listener.accept()).close();
  client.close();
  const aborted = t.rejects(wait([b, listener, queue], { signal: AbortSignal.timeout(10) }), { name: 'TimeoutError' });
  await aborted;
  const closing = t.rejects(wait([b, listener]), ClosedError);
  listener.close();
  await closing;
  const closingToo = t.rejects(wait([b, queue]), ClosedError);
  b.close();
  await closingToo;
  a.close();
  queue.close();
  t.throws(() => waitSync([5.5]), TypeError);
  t.throws(() => waitSync([{}] as never), TypeError);
  t.throws(() => waitSync([99_999]), { code: 'EBADF' });
});

t.test('null waits for ever, as None does in Python, or as long as the object itself says', async (t) => {
  const [a, b] = Pipe();
  const waits = [b.poll(null), b.poll({ timeout: null })];
  const ready = wait([b], null);
  await a.sendBytes(Buffer.from('text'), 1, null);
  t.strictSame(await Promise.all(waits), [true, true]);
  t.strictSame(await ready, [b]);
  t.equal(b.pollSync(null), true);
  t.equal(String(await b.recvBytes(null, null)), 'ext');
  const queue = new Queue(1);
  const got = queue.get(null);
  await queue.put('one', null);
  t.equal(await got, 'one');
  queue.putSync('two', null);
  t.equal(queue.getSync(null), 'two');
  const barrier = new Barrier(2, { timeout: 20, action: null });
  await t.rejects(barrier.wait(null), { name: 'BrokenBarrierError' });
  const one = new Barrier(1, { timeout: null });
  t.equal(one.waitSync(null), 0);
  for (const each of [a, b, queue, barrier, one]) each.close();
});
