/** Messages of a joinable queue by name: acknowledged in any order, given back, given up, leased; counted, and never lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeadLetter, inspect, JoinableQueue, Lock, Queue, serialize, type TakenMessage } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';
import { until } from '../harness/until.js';

t.setTimeout(120_000);
leaveNothing(t);

const again = { redeliver: true };
const valuesOf = (messages: readonly TakenMessage[]) => messages.map(({ value }) => value);
const letters = (list: readonly DeadLetter[]) => list.map(({ value, attempts, reason }) => [value, attempts, reason]);

for (const redeliver of [false, true]) {
  t.test(`any number of messages are open, and settled in any order, redeliver ${redeliver}`, async (t) => {
    const queue = new JoinableQueue<unknown>(0, { redeliver });
    const values = [1, 'two', { three: [3] }, Buffer.alloc(100_000, 'four'), null];
    await queue.putMany(values);
    const taken = [await queue.take(), queue.takeSync(), queue.tryTake(), ...(await queue.takeMany(9))];
    t.strictSame(
      taken.map((message) => message?.value),
      values,
    );
    t.equal(taken[2]?.value, taken[2]?.value, 'the same object each time');
    t.equal(queue.tryTake(), undefined);
    t.strictSame(queue.takeManySync(3, 0), []);
    await t.rejects(queue.take(1), { name: 'Empty' });
    t.throws(() => queue.takeSync(1), { name: 'Empty' });
    const aborted = AbortSignal.abort(new Error('enough'));
    await t.rejects(queue.take({ signal: aborted }), { message: 'enough' });
    t.equal(queue.stats().unacknowledged, 5);
    t.throws(() => queue.taskDone(), { name: 'ValueError', message: /done\(\)/ });
    for (const i of [3, 0, 4, 2]) taken[i]?.done();
    await t.rejects(queue.join(0), { name: 'TimeoutError' });
    taken[1]?.retry();
    const second = queue.takeSync();
    t.strictSame([second.value, second.attempts, second.settled], ['two', 2, false]);
    second.done();
    t.equal(second.settled, true);
    for (const call of ['done', 'retry', 'fail'] as const) t.throws(() => second[call](), { name: 'ValueError' }, call);
    await queue.join(0);
    t.match(queue.stats(), { unfinished: 0, unacknowledged: 0, length: 0 });

    await queue.put('using');
    const message = await queue.take();
    message[Symbol.dispose]();
    message[Symbol.dispose]();
    t.equal(queue.qsize(), 1, 'what is not settled at the end of its block is given back, once');
    await t.rejects(queue.put(message), TypeError, 'it does not travel');
    t.throws(() => message.retry({ delay: 0.5 }), RangeError);
    const open = queue.takeSync();
    queue.end();
    await t.rejects(queue.take(), { name: 'EOFError' }, 'what only this thread has open is not waited for');
    open.retry();
    const rest: unknown[] = [];
    for await (const one of queue.messages()) {
      rest.push(one.value);
      one.done();
    }
    t.strictSame(rest, ['using'], 'what is given back after the end comes all the same');
    queue.reset();
    await queue.put('anew');
    t.equal(await queue.get(), 'anew');
    queue.taskDone();
    await queue.join(0);
    queue.close();
    t.throws(() => open.done(), { name: 'ValueError' });
  });
}

t.test('what a killed consumer had open comes again, exactly that, with its attempts', async (t) => {
  for (const worker of [false, true]) {
    const queue = new JoinableQueue<number>(0, again);
    await queue.putMany([0, 1, 2, 3, 4, 5]);
    const consumer = program(t, 'delivery-consumer');
    consumer.send({ queue: serialize(queue), take: 5, done: [3, 1], worker });
    t.equal(await consumer.message(), 'took them');
    // The Worker has ended already: its process lives.
    if (!worker) {
      t.match(queue.stats().consumers, [{ pid: consumer.pid, alive: true, messages: 3 }]);
      consumer.kill();
      await consumer.ended;
    }
    const came: TakenMessage<number>[] = [];
    while (came.length < 4) came.push(await queue.take(10_000));
    t.strictSame(valuesOf(came), [5, 0, 2, 4], 'behind those that wait');
    t.strictSame(
      came.map(({ attempts }) => attempts),
      [1, 2, 2, 2],
    );
    for (const message of came.reverse()) message.done();
    await queue.join(0);
    consumer.kill();
    await consumer.ended;
    queue.close();
  }
});

t.test('a message is delivered maxAttempts times, then it is a dead letter, for whatever reason', async (t) => {
  const queue = new JoinableQueue<unknown>(0, { maxAttempts: 2 });
  t.match(queue.stats(), { redeliver: true, maxAttempts: 2, lease: null, deadLetter: null });
  const consume = async () => {
    const consumer = program(t, 'delivery-consumer');
    consumer.send({ queue: serialize(queue), take: 1, done: [] });
    await consumer.message();
    consumer.kill();
    await consumer.ended;
  };
  await queue.put('poison');
  await consume();
  await queue.put('next');
  await until('it is given back', () => queue.deadLetters().length === 0 && queue.qsize() === 2);
  t.equal(queue.getSync(), 'next', 'a message that kills its consumers does not block the others');
  queue.taskDone();
  await consume();
  await queue.join(10_000);
  t.strictSame(letters(queue.deadLetters()), [['poison', 2, 'its consumer died or ended']]);
  await queue.putMany([{ a: 1 }, 2]);
  queue.takeSync().fail(new RangeError('no'));
  for (let i = 0; i < 2; i++) queue.takeSync().retry();
  t.equal(queue.stats().deadLetters, 3);
  const [first, second, third] = queue.deadLetters() as [DeadLetter, DeadLetter, DeadLetter];
  t.strictSame([second.value, second.attempts], [{ a: 1 }, 1]);
  t.match(second.reason, { name: 'RangeError', message: 'no' });
  t.strictSame(third.reason, 'its consumer gave it back');
  await queue.join(0);
  first.discard();
  t.throws(() => first.discard(), { name: 'ValueError' });
  t.throws(() => first.retry(), { name: 'ValueError' });
  second.retry();
  third.retry();
  await t.rejects(queue.join(0), { name: 'TimeoutError' });
  t.strictSame(queue.deadLetters(), []);
  for (const message of queue.takeManySync(2)) {
    t.equal(message.attempts, 1, 'as if it were new');
    message.done();
  }
  await queue.join(0);
  queue.close();
});

t.test('dead letters go to a queue of the user, with the objects that are in them', async (t) => {
  const name = freshName(t);
  const dead = new Queue<{ lock: Lock } | number>(1);
  for (const deadLetter of [`${name}dead`, dead]) {
    const queue = new JoinableQueue<unknown>(0, { deadLetter });
    const there = typeof deadLetter === 'string' ? undefined : dead;
    const lock = new Lock();
    await queue.putMany([{ lock }, 2]);
    lock.close();
    for (const message of queue.takeManySync(2)) message.fail();
    await queue.join(0);
    const target = there ?? new Queue<{ lock: Lock } | number>(0, { name: `${name}dead` });
    const letter = (await target.get(10_000)) as { lock: Lock };
    t.equal(letter.lock.tryAcquire(), true);
    letter.lock.close();
    // A bounded one takes the next when there is room, and somebody looks.
    t.equal(queue.stats().deadLetters, there === undefined ? 0 : 1);
    t.equal(queue.tryTake(), undefined);
    t.equal(await target.get(10_000), 2);
    t.equal(queue.stats().deadLetters, 0);
    if (there === undefined) {
      target.unlink();
      target.close();
    }
    queue.close();
  }
  dead.close();
  t.throws(() => new JoinableQueue(0, { name, deadLetter: name }), { code: 'ERR_MULTIPROC_KIND' });
});

t.test('a delayed message comes when it is due, not before, though its consumer has ended', async (t) => {
  const queue = new JoinableQueue<number>(0, again);
  await queue.putMany([1, 2]);
  const delay = 60;
  const before = performance.now();
  queue.takeSync().retry({ delay });
  t.equal(queue.takeSync().value, 2);
  t.match(queue.stats(), { delayed: 1, length: 0 });
  const message = await queue.take(10_000);
  t.ok(performance.now() - before >= delay);
  t.strictSame([message.value, message.attempts], [1, 2]);
  message.retry({ delay });
  t.equal(queue.takeSync(10_000).value, 1, 'a blocked thread notices, too');
  queue.close();
});

t.test('when its lease ends a message is offered to others, and its consumer can settle it no more', async (t) => {
  const queue = new JoinableQueue<string>(0, { lease: 500, maxAttempts: 2 });
  await queue.put('slow');
  const first = await queue.take();
  const second = await queue.take(10_000);
  t.strictSame([second.value, second.attempts], ['slow', 2]);
  second.extend(60_000);
  for (const call of ['done', 'retry', 'fail', 'extend'] as const) {
    t.throws(
      () => first[call](),
      { name: 'LeaseExpiredError', code: 'ERR_MULTIPROC_LEASE', message: /extend\(\)/ },
      call,
    );
  }
  first[Symbol.dispose]();
  await sleep(510);
  second.done();
  await queue.join(0);
  await queue.put('late');
  const late = queue.takeSync();
  await sleep(510);
  t.throws(() => late.done(), { name: 'LeaseExpiredError' }, 'though no other has it yet');
  queue.takeSync(10_000);
  await queue.join(10_000);
  t.strictSame(letters(queue.deadLetters()), [['late', 2, 'its lease ended']]);
  queue.close();
  const plain = new JoinableQueue<number>(0, again);
  await plain.put(1);
  t.throws(() => plain.takeSync().extend(), { name: 'ValueError', message: /lease/ });
  plain.close();
});

t.test('after the end, readers wait for what others have open', async (t) => {
  const queue = new JoinableQueue<number>(0, again);
  await queue.putMany([1, 2]);
  const consumer = program(t, 'delivery-consumer');
  consumer.send({ queue: serialize(queue), take: 2, done: [0] });
  await consumer.message();
  queue.end();
  const waiting = queue.take();
  await t.rejects(queue.take(50), { name: 'Empty' });
  consumer.kill();
  const message = await waiting;
  t.equal(message.value, 2);
  const over = queue.take();
  await t.rejects(over, { name: 'EOFError' });
  message.done();
  await consumer.ended;
  await queue.join(0);
  queue.close();
});

t.test('a closed queue has given back what it had open', async (t) => {
  const name = freshName(t);
  const queue = new JoinableQueue<number>(0, { ...again, name });
  const other = JoinableQueue.open<number>(name);
  await queue.putMany([1, 2, 3]);
  const [, message] = [queue.getSync(), queue.takeSync()];
  queue.close();
  t.throws(() => message.done(), { name: 'ClosedError' });
  message[Symbol.dispose]();
  t.strictSame(await other.getMany(9), [3, 1, 2]);
  const info = inspect(name);
  t.match(info, { kind: 'JoinableQueue', length: 0, queue: { unacknowledged: 3, consumers: [{ pid: process.pid }] } });
  other.close();
});

t.test('options are checked, implied, and compared when a queue is opened', async (t) => {
  for (const options of [{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { lease: -1 }]) {
    t.throws(() => new JoinableQueue(0, options), RangeError);
  }
  for (const options of [{ lease: '1' }, { maxAttempts: 2, redeliver: false }, { deadLetter: 5 }]) {
    t.throws(() => new JoinableQueue(0, options as never), TypeError, JSON.stringify(options));
  }
  const name = freshName(t);
  const queue = new JoinableQueue(0, { name, maxAttempts: 3, lease: 1000 });
  for (const options of [{ maxAttempts: 2 }, { lease: 5, maxAttempts: 3 }, {}, { ...again, deadLetter: 'x' }]) {
    t.throws(() => new JoinableQueue(0, { name, ...options }), { code: 'ERR_MULTIPROC_KIND' }, JSON.stringify(options));
  }
  for (const options of [again, { lease: 1000 }]) new JoinableQueue(0, { name, ...options }).close();
  const other = new JoinableQueue(0, { name: `${name}2`, deadLetter: name });
  t.equal(other.stats().deadLetter, name, 'a queue of any class may be one');
  other.unlink();
  other.close();
  queue.close();
});
