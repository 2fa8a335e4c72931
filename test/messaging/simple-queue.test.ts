/** SimpleQueue: put and get, and a put of much waits for its reader. */
import { SimpleQueue, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

t.test('it is empty before and after, and messages keep their order', async (t) => {
  const queue = new SimpleQueue<unknown>();
  const there = await new Remote(t).attach(serialize(queue));
  t.equal(queue.empty(), true);
  await there.call('put', true);
  await there.call('putSync', false);
  t.equal(queue.empty(), false);
  t.equal(await queue.get(), true);
  t.equal(queue.getSync(), false);
  t.equal(queue.empty(), true);
  const waiting = queue.get();
  await there.call('put', [1]);
  t.strictSame(await waiting, [1]);
  await there.call('close');
  queue.close();
});

t.test('a put of 300 kB waits until somebody reads, in each form', async (t) => {
  const queue = new SimpleQueue<unknown>();
  const there = await new Remote(t).attach(serialize(queue));
  const large = Buffer.alloc(300_000, 1);
  let put = false;
  for (const form of ['put', 'putSync']) {
    put = false;
    const putting = there.call(form, large).then(() => {
      put = true;
    });
    await queue.get().then((got) => t.ok(large.equals(got as Buffer)));
    await putting;
    t.equal(put, true);
  }
  const mine = queue.put(large).then(() => {
    put = false;
  });
  t.equal(put, true);
  t.ok(large.equals(queue.getSync() as Buffer));
  await mine;
  t.equal(put, false);
  await there.call('close');
  queue.close();
});

t.test('of puts at the same time the large one waits, and no other', async (t) => {
  for (const large of [0, 1, 2]) {
    const queue = new SimpleQueue<Buffer>();
    const put = [false, false, false];
    const puts = put.map((_, i) =>
      queue.put(Buffer.alloc(i === large ? 300_000 : 1)).then(() => {
        put[i] = true;
      }),
    );
    await Promise.all(puts.filter((_, i) => i < large));
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(put[large], false, 'nobody has read it');
    for (let i = 0; i < 3; i++) t.equal((await queue.get()).length, i === large ? 300_000 : 1);
    await Promise.all(puts);
    queue.close();
  }
});

t.test('small messages wait for room, too', async (t) => {
  const queue = new SimpleQueue<number>();
  let done = 0;
  const puts = Array.from({ length: 20_000 }, (_, i) => queue.put(i).then(() => done++));
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(done > 4000 && done < 10_000, `${done} of 20,000 fit`);
  for (let i = 0; i < 20_000; i++) if ((await queue.get()) !== i) t.fail(`message ${i}`);
  await Promise.all(puts);
  queue.close();
});

t.test('what cannot travel throws at put, and nothing is put', async (t) => {
  const queue = new SimpleQueue<unknown>();
  t.throws(() => queue.putSync({ a: Symbol('no') }), { name: 'TypeError', message: /item\.a/ });
  await t.rejects(queue.put(undefined), TypeError);
  t.equal(queue.empty(), true);
  queue.close();
});

t.test(
  'there is nothing but put, get, empty and close; closing twice is silent, and using it then throws',
  async (t) => {
    const name = freshName(t);
    const queue = SimpleQueue.create<number>({ name });
    const opened = SimpleQueue.open<number>(name);
    await opened.put(1);
    for (const none of ['qsize', 'full', 'putNoWait', 'getNoWait', 'tryGet', 'tryPut']) t.notOk(none in queue, none);
    const pending = [queue.get(), queue.get()];
    t.equal(await pending[0], 1);
    queue.close();
    queue.close();
    await t.rejects(pending[1] as Promise<number>, { name: 'ClosedError' });
    t.throws(() => queue.empty(), { name: 'ClosedError', message: /closed/ });
    t.throws(() => queue.putSync(1), { name: 'ClosedError' });
    t.throws(() => queue.getSync(), { name: 'ClosedError' });
    await t.rejects(queue.put(1), { name: 'ClosedError' });
    await t.rejects(queue.get(), { name: 'ClosedError' });
    opened.close();
    SimpleQueue.unlink(name);
  },
);
