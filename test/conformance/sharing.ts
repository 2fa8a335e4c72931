/** Queues, pipes, locks and shared data between a program and its children, whatever those are. */
import type { Process, StartMethod } from 'multiproc';
import type { Test } from 'tap';
import { dummyPrograms } from '../harness/dummy.js';
import { until } from '../harness/until.js';
import type { Mode } from '../programs/sharing-targets.js';

type Multiproc = typeof import('multiproc');

/** With processes, by a start method. */
export async function sharingSuite(t: Test, method: StartMethod): Promise<void> {
  const { getContext } = await import('multiproc');
  suite(t, getContext(method) as unknown as Multiproc, new URL('../programs/sharing-targets.js', import.meta.url));
}

/** With threads: one import is changed. */
export async function threadSharingSuite(t: Test): Promise<void> {
  const [targets] = dummyPrograms('sharing-targets') as [URL];
  suite(t, (await import('multiproc/dummy')) as unknown as Multiproc, targets);
}

const modes: readonly Mode[] = ['sync', 'async'];
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

function suite(t: Test, multiproc: Multiproc, targets: URL): void {
  const { Barrier, Condition, Event, JoinableQueue, Lock, Pipe, Queue, RLock, Semaphore, Value } = multiproc;

  const start = (scope: Test, name: string, ...args: unknown[]): Process => {
    const child = new multiproc.Process({ target: { module: targets, export: name }, args });
    child.start();
    scope.teardown(async () => {
      child.kill();
      await child.join();
    });
    return child;
  };
  /** Starts one for each mode, and another `count` − 2. */
  const startMany = (scope: Test, count: number, name: string, ...args: unknown[]) =>
    range(count).map((i) => start(scope, name, modes[i % 2], ...args));
  const results = (children: Process[]) => Promise.all(children.map((child) => child.result));

  t.test('a queue: nothing is lost or doubled, and each producer stays in order', async (t) => {
    const [first, second] = [new Queue<[number, number]>(10), new Queue<[number, number]>()];
    const producers = range(3).map((who) => start(t, 'produce', modes[who % 2], first, who, 200));
    const consumers = startMany(t, 2, 'handOn', first, second);
    const got: [number, number][] = [];
    while (got.length < 600) got.push(await second.get());
    await results(producers);
    first.end();
    const counts = (await results(consumers)) as number[];
    t.equal(
      counts.reduce((sum, count) => sum + count),
      600,
    );
    t.equal(new Set(got.map(String)).size, 600);
    t.equal(second.tryGet(), undefined);
    const direct = new Queue<[number, number]>();
    await results(range(2).map((who) => start(t, 'produce', modes[who], direct, who, 100)));
    const items = direct.getManySync(300);
    for (const who of [0, 1])
      t.strictSame(
        items.filter(([by]) => by === who).map(([, i]) => i),
        range(100),
      );
    for (const queue of [first, second, direct]) queue.close();
  });

  t.test('a joinable queue is joined when all is acknowledged', async (t) => {
    const [queue, sum] = [new JoinableQueue<number>(), new Value('i')];
    const consumers = startMany(t, 4, 'acknowledge', queue, sum);
    queue.putManySync(range(101));
    await queue.join();
    t.equal(sum.value, 5050);
    queue.putManySync([-1, -1, -1, -1]);
    queue.joinSync();
    await results(consumers);
    t.throws(() => queue.taskDone(), { name: 'ValueError' });
    queue.close();
    sum.close();
  });

  for (const mode of modes) {
    t.test(`a pipe, ${mode}: there and back, and the end`, async (t) => {
      const [here, there] = Pipe();
      const child = start(t, 'answer', mode, there);
      there.close();
      for (let i = 0; i < 50; i++) {
        here.sendSync(`text ${i}`);
        t.equal(await here.recv(), `TEXT ${i}`);
      }
      here.close();
      t.equal(await child.result, 'EOFError');
      const [again, other] = Pipe();
      const dying = start(t, 'answer', mode, other);
      other.close();
      await again.send('x');
      t.equal(again.recvSync(), 'X');
      dying.kill();
      await t.rejects(again.recv(), { name: 'EOFError' });
      again.close();
    });
  }

  for (const kind of ['Lock', 'RLock', 'Semaphore'] as const) {
    t.test(`${kind}: no addition is lost`, async (t) => {
      const [lock, value] = [new multiproc[kind](), new Value('i', 0, { lock: false })];
      await results(startMany(t, 4, 'add', lock, value, 250));
      t.equal(value.value, 1000);
      lock.close();
      value.close();
    });
  }

  t.test('a recursive lock belongs to its owner', async (t) => {
    const lock = new RLock();
    lock.acquireSync();
    lock.acquireSync();
    t.equal(await start(t, 'misuse', lock).result, 'ValueError');
    lock.release();
    lock.release();
    lock.close();
  });

  t.test('a semaphore lets in as many as it says', async (t) => {
    const [semaphore, inside, most] = [new Semaphore(3), new Value('i'), new Value('i')];
    await results(startMany(t, 5, 'enter', semaphore, inside, most));
    t.equal(inside.value, 0);
    t.ok(most.value >= 1 && most.value <= 3, `${most.value}`);
    t.equal(semaphore.getValue(), 3);
    for (const object of [semaphore, inside, most]) object.close();
  });

  t.test('an event wakes everybody', async (t) => {
    const [event, ready] = [new Event(), new Semaphore(0)];
    const children = startMany(t, 4, 'waitForEvent', event, ready);
    for (let i = 0; i < 4; i++) await ready.acquire();
    event.set();
    t.strictSame(await results(children), [true, true, true, true]);
    event.close();
    ready.close();
  });

  t.test('a condition wakes as many as it is told to', async (t) => {
    const condition = new Condition();
    const [asleep, awake, state] = [new Semaphore(0), new Semaphore(0), new Value('i')];
    const sleepers = startMany(t, 4, 'sleepAt', condition, asleep, awake);
    for (let i = 0; i < 4; i++) await asleep.acquire();
    const notify = async (how: () => void, expected: number) => {
      await condition.acquire();
      how();
      condition.release();
      for (let i = 0; i < expected; i++) await awake.acquire();
      t.equal(awake.getValue(), 0);
    };
    await notify(() => condition.notify(), 1);
    await notify(() => condition.notify(2), 2);
    await notify(() => condition.notifyAll(), 1);
    await results(sleepers);
    const waiting = startMany(t, 2, 'waitForState', condition, state);
    for (let i = 1; i <= 4; i++) {
      await condition.acquire();
      state.value = i;
      condition.notifyAll();
      condition.release();
    }
    t.strictSame(await results(waiting), [true, true]);
    for (const object of [condition, asleep, awake, state]) object.close();
  });

  t.test('a barrier: each round its own numbers, and broken for all', async (t) => {
    const barrier = new Barrier(4);
    const numbers = (await results(startMany(t, 4, 'meet', barrier, 25))) as number[][];
    for (let i = 0; i < 25; i++) t.strictSame(numbers.map((round) => round[i]).sort(), [0, 1, 2, 3]);
    const waiting = startMany(t, 3, 'meetOrBreak', barrier);
    await until('three wait', () => barrier.nWaiting === 3);
    barrier.abort();
    t.strictSame(await results(waiting), ['broken', 'broken', 'broken']);
    t.ok(barrier.broken);
    barrier.reset();
    const again = startMany(t, 4, 'meetOrBreak', barrier);
    t.strictSame((await results(again)).sort(), ['0', '1', '2', '3']);
    barrier.close();
  });

  t.test('values, arrays, lists and memory are the same', async (t) => {
    const [value, array] = [new Value('d', 1.5), new multiproc.SharedArray('i', [1, 2, 3])];
    const list = new multiproc.ShareableList([1, 'as it was', null]);
    const memory = multiproc.SharedMemory.create({ size: 100 });
    const child = start(t, 'change', value, array, list, memory);
    t.equal(await child.result, child.name);
    t.equal(value.value, 2.5);
    t.strictSame([...array], [2, 4, 6]);
    t.strictSame([...list], [1, 'changed', null]);
    t.strictSame([...memory.bytes.subarray(0, 4)], [1, 2, 3, 0]);
    for (const object of [value, array, list, memory]) object.close();
  });

  t.test('a child that is killed keeps nothing', async (t) => {
    const [taken, lock, semaphore] = [new Event(), new Lock(), new Semaphore(1, { robust: true })];
    const [here, there] = Pipe();
    const child = start(t, 'hold', taken, lock, semaphore, there);
    there.close();
    await taken.wait();
    t.equal(lock.tryAcquire(), false);
    child.kill();
    t.equal(await lock.acquire(), true);
    t.equal(lock.ownerDied, true);
    t.equal(await semaphore.acquire(), true);
    t.equal(await here.recv(), 'mine');
    await t.rejects(here.recv(), { name: 'EOFError' });
    const barrier = new Barrier(2);
    taken.clear();
    const party = start(t, 'stayAt', barrier, taken);
    await taken.wait();
    party.kill();
    await party.join();
    await t.rejects(barrier.wait(), { name: 'BrokenBarrierError' });
    for (const object of [taken, lock, semaphore, here, barrier]) object.close();
  });
}
