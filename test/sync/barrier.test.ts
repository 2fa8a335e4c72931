/** Barrier: all pass together or nobody does, whoever fails, resets or dies meanwhile. */
import { Barrier, deserialize, Event, inspect, Semaphore, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';
import { until } from '../harness/until.js';

leaveNothing(t);

const brokenBarrier = { name: 'BrokenBarrierError', code: 'ERR_MULTIPROC_BROKEN_BARRIER' };
const arrived = (name: string) => inspect(name).barrier?.waiting;

/** Settles all, and gives the names of the errors in the place of values. */
async function outcomes(waits: Iterable<Promise<unknown>>): Promise<unknown[]> {
  const settled = await Promise.allSettled(waits);
  return settled.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.name));
}

t.test('one party passes at once, again and again', async (t) => {
  const barrier = new Barrier(1);
  t.equal(barrier.parties, 1);
  t.equal(barrier.waitSync(), 0);
  t.equal(await barrier.wait(0), 0);
  t.equal(barrier.waitSync(-1), 0);
  t.equal(barrier.nWaiting, 0);
  t.equal(barrier.broken, false);
  barrier.close();
});

t.test('tasks of one thread pass together, each with its own number', async (t) => {
  const barrier = new Barrier(5);
  for (let round = 0; round < 20; round++) {
    const waits = [0, 1, 2, 3].map(() => barrier.wait());
    t.equal(barrier.nWaiting, 4);
    // The last one may block.
    const last = round % 2 === 0 ? barrier.waitSync() : await barrier.wait();
    t.strictSame([...(await Promise.all(waits)), last].sort(), [0, 1, 2, 3, 4]);
    t.equal(barrier.nWaiting, 0);
  }
  barrier.close();
});

t.test('a blocked thread lets its own tasks of former rounds leave', async (t) => {
  const [name, passedName] = [freshName(t), freshName(t)];
  const barrier = new Barrier(2, { name });
  const passed = new Semaphore(0, { name: passedName });
  const other = program(t, 'barrier-party', { args: [name, passedName, '2', '4'] });
  await other.message();
  other.send('go');
  // This thread does not come to its event loop meanwhile: the fourth round needs the entry of the second one.
  const tasks = [barrier.waitSync(), barrier.wait()];
  for (const _ of tasks) passed.acquireSync();
  tasks.push(barrier.waitSync(), barrier.waitSync());
  t.strictSame(
    (await Promise.all(tasks)).filter((number) => number > 1),
    [],
  );
  t.equal(await other.message(), 'done');
  barrier.close();
  passed.close();
});

t.test('five processes pass two rounds in step', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(5, { name });
  const remotes = await Promise.all([1, 2, 3, 4, 5].map(() => new Remote(t).make('Barrier', 5, { name })));
  for (let round = 0; round < 2; round++) {
    const early = remotes.slice(1).map((one, i) => one.call<number>(i % 2 === round ? 'wait' : 'waitSync'));
    await until('four have arrived', () => arrived(name) === 4);
    const last = await remotes[0]?.call<number>('wait');
    t.equal(last, 4);
    t.strictSame([...(await Promise.all(early)), last].sort(), [0, 1, 2, 3, 4]);
    t.match(inspect(name).barrier, { parties: 5, waiting: 0, broken: false, waiters: [] });
  }
  barrier.close();
});

t.test('1,000 rounds of five processes with random delays never mix', async (t) => {
  const name = freshName(t);
  const rounds = 1000;
  const programs = ['sync', 'promise', 'both', 'sync', 'promise'].map((form) =>
    program(t, 'barrier-rounds', { args: [name, form, String(rounds)], timeout: 120_000 }),
  );
  for (const each of programs) t.equal(await each.message(), 'ready');
  for (const each of programs) each.send('go');
  for (const each of programs) t.equal(await each.message(), 'done');
});

t.test('abort() fails those who wait and those who come, until reset()', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(5, { name });
  const there = await Promise.all([1, 2].map(() => new Remote(t).make('Barrier', 5, { name })));
  const waits = [there[0]?.call('wait'), there[1]?.call('waitSync'), barrier.wait(), barrier.wait()];
  const all = outcomes(waits as Promise<unknown>[]);
  await until('four have arrived', () => arrived(name) === 4);
  barrier.abort();
  barrier.abort();
  t.strictSame(await all, Array(4).fill('BrokenBarrierError'));
  t.equal(barrier.broken, true);
  t.equal(barrier.nWaiting, 0);
  await t.rejects(barrier.wait(), brokenBarrier);
  t.throws(() => barrier.waitSync(), brokenBarrier);
  t.match(inspect(name).barrier, { broken: true, waiting: 0 });
  barrier.reset();
  t.equal(barrier.broken, false);
  const again = [there[0]?.call('wait'), there[1]?.call('waitSync'), ...[1, 2, 3].map(() => barrier.wait())];
  t.strictSame((await Promise.all(again)).sort(), [0, 1, 2, 3, 4]);
  barrier.close();
});

t.test('reset() fails those who wait, and all five pass afterwards', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(5, { name });
  const there = await Promise.all([1, 2, 3, 4].map(() => new Remote(t).make('Barrier', 5, { name })));
  for (let round = 0; round < 5; round++) {
    const waits = outcomes(there.map((one, i) => one.call(i % 2 === 0 ? 'wait' : 'waitSync')));
    await until('four have arrived', () => arrived(name) === 4);
    barrier.reset();
    t.strictSame(await waits, Array(4).fill('BrokenBarrierError'));
    t.equal(barrier.broken, false);
    const passing = [...there.map((one) => one.call<number>('wait')), barrier.wait()];
    t.strictSame((await Promise.all(passing)).sort(), [0, 1, 2, 3, 4]);
  }
  barrier.close();
});

t.test('a time-out breaks it for the others, the own one as well as the barrier’s', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(3, { name, timeout: 40 });
  const there = await new Remote(t).make('Barrier', 3, { name });
  const waits = outcomes([there.call('waitSync', 30_000)]);
  await until('one has arrived', () => arrived(name) === 1);
  const start = performance.now();
  await t.rejects(barrier.wait(), brokenBarrier);
  t.ok(performance.now() - start >= 39, 'not earlier');
  t.strictSame(await waits, ['BrokenBarrierError']);
  barrier.reset();
  t.throws(() => barrier.waitSync(5), brokenBarrier);
  t.equal(barrier.broken, true);
  barrier.reset();
  t.throws(() => barrier.waitSync(0), brokenBarrier);
  barrier.reset();
  await t.rejects(there.call('wait'), { name: 'BrokenBarrierError' }, 'others have the time-out of the barrier, too');
  barrier.reset();
  // A longer time of its own, and a shorter one of the object.
  const patient = new Barrier(3, { name, timeout: Infinity });
  const passing = [patient.wait(), there.call('wait', 30_000)];
  await until('two have arrived', () => arrived(name) === 2);
  await new Promise((resolve) => setTimeout(resolve, 80));
  t.equal(barrier.waitSync(), 2);
  await Promise.all(passing);
  patient.close();
  barrier.close();
});

t.test('a signal, and close(), break it as a party that leaves', async (t) => {
  const barrier = new Barrier(3);
  const same = deserialize(serialize(barrier)) as Barrier;
  const controller = new AbortController();
  const aborted = barrier.wait({ signal: controller.signal });
  const other = same.wait();
  controller.abort(new Error('enough'));
  await t.rejects(aborted, { message: 'enough' });
  await t.rejects(other, brokenBarrier);
  barrier.reset();
  await t.rejects(barrier.wait({ signal: controller.signal }), { message: 'enough' });
  t.equal(barrier.broken, false, 'who never arrived breaks nothing');
  const [closed, left] = [barrier.wait(), same.wait()];
  barrier.close();
  barrier.close();
  await t.rejects(closed, { name: 'ClosedError' });
  await t.rejects(left, brokenBarrier);
  await t.rejects(barrier.wait(), { name: 'ClosedError' });
  for (const use of ['waitSync', 'reset', 'abort'] as const) {
    t.throws(() => barrier[use](), { name: 'ClosedError' }, use);
  }
  t.throws(() => barrier.broken, { name: 'ClosedError' });
  t.throws(() => barrier.parties, { name: 'ClosedError' });
  t.throws(() => same.waitSync({ signal: controller.signal }), TypeError);
  await t.rejects(same.wait(0.5), RangeError);
  same.close();
});

t.test('a party that is killed while it waits breaks it for the rest', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(4, { name });
  for (const form of ['wait', 'waitSync']) {
    const [dying, staying] = [new Remote(t), new Remote(t)];
    const first = (await staying.make('Barrier', 4, { name })).call('waitSync');
    const waits = outcomes([first, barrier.wait()]);
    await until('two have arrived', () => arrived(name) === 2);
    (await dying.make('Barrier', 4, { name })).call(form).catch(() => {});
    await until('three have arrived', () => arrived(name) === 3);
    await dying.kill();
    t.strictSame(await waits, ['BrokenBarrierError', 'BrokenBarrierError'], form);
    t.equal(barrier.broken, true);
    barrier.reset();
  }
  const alone = new Remote(t);
  (await alone.make('Barrier', 4, { name })).call('wait').catch(() => {});
  await until('one has arrived', () => arrived(name) === 1);
  await alone.kill();
  t.throws(() => barrier.waitSync(), brokenBarrier, 'whoever comes later is told');
  barrier.close();
});

t.test('the action runs once a round, before anybody is let go', async (t) => {
  let calls = 0;
  const barrier = new Barrier(3, {
    action: async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      calls++;
    },
  });
  for (let round = 1; round <= 3; round++) {
    const seen = [1, 2, 3].map(() => barrier.wait().then(() => calls));
    t.strictSame(await Promise.all(seen), [round, round, round]);
  }
  barrier.wait().catch(() => {});
  barrier.wait().catch(() => {});
  t.throws(() => barrier.waitSync(), { name: 'TypeError', message: /promise/ });
  t.equal(barrier.broken, true);
  barrier.close();

  let blockingCalls = 0;
  const blocking = new Barrier(2, { action: () => blockingCalls++ });
  const other = blocking.wait();
  t.equal(blocking.waitSync(), 1);
  t.equal(blockingCalls, 1);
  t.equal(await other, 0);
  t.equal(blockingCalls, 1);
  blocking.close();
});

t.test('an action that throws: its party gets the error, the others a broken barrier', async (t) => {
  const barrier = new Barrier(3, {
    action() {
      throw new RangeError('no good');
    },
  });
  for (const form of ['wait', 'waitSync'] as const) {
    const others = outcomes([barrier.wait(), barrier.wait()]);
    await t.rejects(async () => barrier[form](), { name: 'RangeError', message: 'no good' });
    t.strictSame(await others, ['BrokenBarrierError', 'BrokenBarrierError']);
    t.equal(barrier.broken, true);
    barrier.reset();
  }
  barrier.close();
});

t.test('an exported action travels with the barrier', async (t) => {
  const name = freshName(t);
  const acted = new Event({ name: `${name}acted` });
  const { actionFor } = await import('../programs/actions.js');
  process.env.TEST_BARRIER_EVENT = `${name}acted`;
  const barrier = new Barrier(2, { action: actionFor });
  const there = await new Remote(t).attach(serialize(barrier));
  for (const last of ['here', 'there']) {
    acted.clear();
    const first = last === 'here' ? there.call('wait') : barrier.wait();
    if (last === 'here') await until('one has arrived', () => barrier.nWaiting === 1);
    const second = last === 'here' ? barrier.wait() : there.call('waitSync');
    t.equal(await first, 0);
    t.equal(await second, 1);
    t.equal(acted.isSet(), true, last);
  }
  await there.call('close');
  barrier.close();
  acted.close();
});

t.test('a party that dies while it runs the action breaks it', async (t) => {
  const name = freshName(t);
  const barrier = new Barrier(2, { name, action() {} });
  const running = new Event({ name: `${name}running` });
  const waiting = outcomes([barrier.wait()]);
  const child = program(t, 'barrier-action', { args: [name] });
  await running.wait();
  t.equal(barrier.nWaiting, 2);
  child.kill();
  await child.ended;
  t.strictSame(await waiting, ['BrokenBarrierError']);
  running.close();
  barrier.close();
});

t.test('names, kinds and handles are those of every object', async (t) => {
  const name = freshName(t);
  t.throws(() => Barrier.open(name), { code: 'ENOENT' });
  const barrier = Barrier.create(2, { name, action() {} });
  t.equal(barrier.name, name);
  t.throws(() => Barrier.create(2, { name }), { code: 'EEXIST' });
  t.throws(() => new Barrier(3, { name, action() {} }), { code: 'ERR_MULTIPROC_KIND', message: /parties 3/ });
  t.throws(() => new Barrier(2, { name }), { code: 'ERR_MULTIPROC_KIND', message: /action/ });
  t.throws(() => new Event({ name }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => serialize(barrier), { name: 'TypeError', message: /action/ }, 'nobody else has this function');
  const observer = Barrier.open(name);
  t.equal(observer.parties, 2);
  t.throws(() => observer.waitSync(), { name: 'ValueError', message: /action/ });
  observer.abort();
  t.equal(barrier.broken, true);
  observer.close();
  barrier.close();
  Barrier.unlink(name);
  const plain = new Barrier(2, { name });
  t.throws(() => Barrier.open(name, { action() {} }), { code: 'ERR_MULTIPROC_KIND' });
  plain.unlink();
  t.throws(() => plain.unlink(), { code: 'ENOENT' });
  plain.close();

  for (const parties of [0, -1, 2 ** 20 + 1]) t.throws(() => new Barrier(parties), { name: 'ValueError' });
  for (const parties of [1.5, '2', undefined, null, NaN]) t.throws(() => new Barrier(parties as never), TypeError);
  t.throws(() => new Barrier(2, { action: 1 as never }), TypeError);
  t.throws(() => new Barrier(2, { timeout: 0.5 }), RangeError);
  t.throws(() => new Barrier(2, { timeout: '1' as never }), TypeError);

  for (const parties of [2, 500]) {
    const anonymous = new Barrier(parties, { timeout: 30_000 });
    const there = await new Remote(t).attach(serialize(anonymous));
    const waits = Array.from({ length: parties - 1 }, () => anonymous.wait());
    await Promise.all([...waits, there.call('wait')]);
    // Whoever closes it last removes it.
    await there.call('close');
    anonymous.close();
  }
});
