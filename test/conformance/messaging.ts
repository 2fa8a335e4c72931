/** What queues, pipes, listeners and `wait` promise between a program and its children, whatever the start method. */
import {
  activeChildren,
  Client,
  type Connection,
  EOFError,
  getContext,
  JoinableQueue,
  Listener,
  Lock,
  Pipe,
  type Process,
  Queue,
  SimpleQueue,
  type StartMethod,
  wait,
  waitSync,
} from 'multiproc';
import type { Test } from 'tap';

const targets = new URL('../programs/messaging-targets.js', import.meta.url);

const forms: Record<string, (objects: never[], timeout?: number) => Promise<unknown[]>> = {
  wait: (objects, timeout) => wait(objects, timeout),
  waitSync: async (objects, timeout) => waitSync(objects, timeout),
};

export async function messagingSuite(t: Test, method: StartMethod): Promise<void> {
  const context = getContext(method);

  const started = (scope: Test, name: string, ...args: unknown[]): Process => {
    const child = new context.Process({ target: { module: targets, export: name }, args });
    scope.teardown(async () => {
      if (!activeChildren().includes(child)) return;
      child.kill();
      await child.join();
    });
    child.start();
    return child;
  };
  const ended = async (t: Test, ...children: Process[]) => {
    for (const child of children) {
      await child.join();
      t.equal(child.exitCode, 0);
    }
  };

  for (const [form, look] of Object.entries(forms)) {
    const ready = look as (objects: unknown[], timeout?: number) => Promise<unknown[]>;

    t.test(`${form}: four children write to pipes of their own, and all of it comes, then the ends`, async (t) => {
      const pipes = [0, 1, 2, 3].map(() => Pipe(false));
      const children = pipes.map(([, writer], i) => started(t, 'write', writer, i));
      for (const [, writer] of pipes) writer.close();
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
      t.strictSame(
        [...seen].sort(),
        [0, 1, 2, 3].flatMap((index) => Array.from({ length: 10 }, (_, i) => `${index}: ${i}`)),
      );
      await ended(t, ...children);
    });

    t.test(`${form}: a child's sentinel among connections; all that are ready, not just the first`, async (t) => {
      const [a, otherA] = Pipe();
      const [b, otherB] = Pipe();
      const [end, hers] = Pipe();
      const child = started(t, 'pause', hers);
      const all = [a, child.sentinel, b];
      t.strictSame(await ready(all, 20), []);
      hers.close();
      end.sendSync('end');
      t.strictSame(await ready(all), [child.sentinel]);
      otherB.sendSync(1);
      t.strictSame(await ready(all), [child.sentinel, b]);
      otherA.sendSync(1);
      t.strictSame(await ready(all), all);
      await ended(t, child);
      for (const one of [a, b, otherA, otherB, end]) one.close();
    });
  }

  t.test('a child sends back what it gets, though its end was closed here right after the start', async (t) => {
    const [end, hers] = Pipe();
    const child = started(t, 'echo', hers);
    hers.close();
    const large = Buffer.alloc(16 * 1024 * 1024, 'large');
    for (const bytes of [Buffer.from('hello'), Buffer.alloc(0), large]) {
      const [answer] = await Promise.all([end.recvBytes(), end.sendBytes(bytes)]);
      t.ok(answer.equals(bytes));
    }
    end.sendBytesSync(Buffer.from('end'));
    await ended(t, child);
    await t.rejects(end.recv(), EOFError);
    await t.rejects(end.send(1), { code: 'EPIPE' });
    end.close();
  });

  t.test('what was put before a child is started, and what it puts before it ends, come in order', async (t) => {
    for (const form of ['sync', 'promise']) {
      const queue = new Queue<number>();
      for (let i = 0; i < 10; i++) queue.putSync(i);
      const child = started(t, 'putAll', queue, 10, 10, form);
      await ended(t, child);
      t.strictSame(queue.getManySync(100), [...Array(20).keys()]);
      t.throws(() => queue.getNoWait(), { name: 'Empty' });
      queue.close();
    }
  });

  t.test('a full queue has room again once a child has taken what was in it', async (t) => {
    const queue = new Queue<number>(6);
    const [start, hers] = Pipe();
    const child = started(t, 'takeSix', queue, hers);
    for (let i = 0; i < 6; i++) await queue.put(i);
    t.ok(queue.full() && !queue.empty());
    await t.rejects(queue.put(6, 0), { name: 'Full' });
    t.throws(() => queue.putSync(6, 20), { name: 'Full' });
    start.sendSync('go');
    await ended(t, child);
    t.ok(queue.empty() && !queue.full());
    for (const one of [queue, start, hers]) one.close();
  });

  t.test('join returns after as many acknowledgements as there were messages', async (t) => {
    const queue = new JoinableQueue<number | null>();
    const results = new Queue<number>();
    const lock = new Lock();
    const children = [1, 2, 3, 4].map(() => started(t, 'work', queue, lock, results));
    for (let i = 0; i < 10; i++) await queue.put(i);
    await queue.join();
    t.strictSame(
      results.getManySync(100).sort((x, y) => x - y),
      [0, 1, 4, 9, 16, 25, 36, 49, 64, 81],
    );
    await queue.putMany([null, null, null, null]);
    await ended(t, ...children);
    queue.joinSync();
    for (const one of [queue, results, lock]) one.close();
  });

  t.test('what a killed child had counts as done, or comes again', async (t) => {
    for (const redeliver of [false, true]) {
      const queue = new JoinableQueue<number>(0, { redeliver });
      const [end, hers] = Pipe();
      const child = started(t, 'takeAndHang', queue, hers);
      queue.putSync(1);
      t.equal(await end.recv(), 1);
      t.equal(queue.empty(), true);
      const next = redeliver ? queue.get() : undefined;
      child.kill();
      await child.join();
      t.equal(child.exitCode, -9);
      if (next !== undefined) {
        t.equal(await next, 1);
        queue.taskDone();
      }
      await queue.join();
      for (const one of [queue, end, hers]) one.close();
    }
  });

  t.test('a simple queue is empty before, and after what a child put was taken', async (t) => {
    const queue = new SimpleQueue<boolean>();
    const [ready, hers] = Pipe();
    const child = started(t, 'isEmpty', queue, hers);
    t.equal(queue.empty(), true);
    ready.sendSync('go');
    await ended(t, child);
    t.equal(queue.empty(), false);
    t.strictSame(await wait([queue]), [queue]);
    t.strictSame([queue.getSync(), queue.getSync()], [true, false]);
    t.equal(queue.empty(), true);
    for (const one of [queue, ready, hers]) one.close();
    queue.close();
    t.throws(() => queue.empty(), { name: 'ClosedError', message: /closed/ });
  });

  t.test('an accepted connection goes to a child, as an argument and through a pipe, and is closed here', async (t) => {
    for (const address of [undefined, `\0multiproc-test-${process.pid}`, ['127.0.0.1', 0] as [string, number]]) {
      const listener = new Listener(address);
      for (const how of ['argument', 'sync', 'promise']) {
        const [client, accepted] = await Promise.all([Client(listener.address), listener.accept()]);
        const [end, hers] = Pipe();
        const child = how === 'argument' ? started(t, 'answer', accepted) : started(t, 'answerOver', hers, how);
        if (how !== 'argument') end.sendSync(accepted);
        accepted.close();
        client.sendSync('hello');
        // This thread is blocked while the child takes the connection.
        t.strictSame(client.recvSync(), [child.pid, 'hello']);
        await t.rejects(client.recv(), EOFError, 'nobody else has it open');
        await ended(t, child);
        for (const one of [client, end, hers]) one.close();
      }
      listener.close();
    }
  });

  t.test('a connection whose sender has ended before it arrived', async (t) => {
    const listener = new Listener();
    const [end, hers] = Pipe();
    const child = started(t, 'sendAndEnd', listener.address, hers);
    const accepted = await listener.accept();
    hers.close();
    await ended(t, child);
    t.equal(end.pollSync(), true);
    t.throws(() => end.recvSync(), { code: 'ECONNREFUSED', message: /has ended before it arrived/ });
    await t.rejects(accepted.recv(), EOFError);
    for (const one of [listener, end, accepted]) one.close();
  });

  t.test('a child connects to a listener of each family, with the key of the program', async (t) => {
    for (const address of [undefined, ['127.0.0.1', 0] as [string, number]]) {
      const listener = new Listener(address, { authkey: 'a key' });
      t.throws(() => new Listener(listener.address), { code: 'EADDRINUSE' });
      const child = started(t, 'connectAndSend', listener.address, 'a key');
      t.strictSame(await wait([listener]), [listener]);
      const accepted = await listener.accept();
      t.equal(await accepted.poll(Infinity), true);
      t.equal(await accepted.recv(), 'hello');
      await t.rejects(accepted.recv(), EOFError);
      await ended(t, child);
      accepted.close();
      listener.close();
      await t.rejects(listener.accept(), { name: 'ClosedError' });
    }
  });
}
