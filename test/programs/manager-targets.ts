/** What the processes of manager tests run: clients that use proxies, and the classes of custom managers. */
import {
  type BarrierProxy,
  BaseManager,
  BaseProxy,
  type ConditionProxy,
  type DictProxy,
  type Event,
  type EventProxy,
  type JoinableQueueProxy,
  type ListProxy,
  type LockProxy,
  type NamespaceProxy,
  type PoolProxy,
  type Queue,
  type QueueProxy,
  type SemaphoreProxy,
  SyncManager,
  type ValueProxy,
} from 'multiproc';

/** Each throws what it finds wrong: the exit code is 1 then. */
function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export async function useEvent(event: EventProxy): Promise<void> {
  check(event.sync.isSet(), 'set');
  check(await event.wait(), 'wait');
  await event.clear();
}

export async function useLock(lock: LockProxy): Promise<void> {
  check((await lock.acquire()) === true, 'acquire');
  lock.sync.release();
}

export async function acquireOnly(semaphore: SemaphoreProxy): Promise<void> {
  check(semaphore.sync.acquire(), 'acquire');
}

export async function useCondition(condition: ConditionProxy): Promise<void> {
  await condition.acquire();
  await condition.release();
}

export async function useBarrier(barrier: BarrierProxy): Promise<void> {
  check(barrier.sync.parties === 5, 'parties');
  await barrier.reset();
}

export async function useQueue(queue: QueueProxy<number> | JoinableQueueProxy<number>): Promise<void> {
  check(queue.sync.qsize() === 2, 'size');
  check(await queue.full(), 'full');
  check(!(await queue.empty()), 'not empty');
  check((await queue.get()) === 5, 'first');
  check(queue.sync.get() === 6, 'second');
  check(queue.sync.empty(), 'empty');
}

export async function useValue(value: ValueProxy): Promise<void> {
  check(value.sync.value === 1 && (await value.get()) === 1, 'value');
  value.sync.value = 2;
}

export async function useNamespace(ns: NamespaceProxy): Promise<void> {
  check(ns.sync.x === 0 && (await ns.get('y')) === 1, 'attributes');
}

/** The program of the seed. */
export function modify(ns: NamespaceProxy, list: ListProxy<string>, dict: DictProxy): void {
  ns.sync.a *= 2;
  list.sync.extend(['b', 'c']);
  dict.sync.b = 0;
}

/** Takes what it is given, says so, and stays until it is killed. */
export async function holdOn(lock: LockProxy, list: ListProxy, ready: EventProxy): Promise<void> {
  await lock.acquire();
  await list.append('held');
  await ready.set();
  await new Promise(() => setInterval(() => {}, 1000));
}

/** A proxy comes through a queue, and is used. */
export async function receive(queue: Queue): Promise<void> {
  const list = (await queue.get()) as ListProxy;
  await list.append('received');
}

export class Calculator {
  readonly plain = 5;
  #memory = 0;

  add(n: number): number {
    this.#memory += n;
    return this.#memory;
  }

  f(): string {
    return 'f()';
  }

  g(): never {
    throw new RangeError('from g', { cause: 'a cause' });
  }

  _h(): string {
    return '_h()';
  }

  *squares(): Generator<number> {
    for (let i = 0; i < 10; i++) yield i * i;
  }

  self(): Calculator {
    return this;
  }

  unserialisable(): unknown {
    return () => 1;
  }

  async later(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return 'later';
  }

  never(): Promise<never> {
    return new Promise(() => {});
  }
}

export class CalculatorProxy extends BaseProxy {
  /** Its own method, by one of the object's. */
  async double(n: number): Promise<number> {
    await this.callMethod('add', n);
    return (await this.callMethod('add', n)) as number;
  }
}

export class CustomManager extends BaseManager {}
CustomManager.register('Foo', { callable: Calculator });
CustomManager.register('Bar', { callable: Calculator, exposed: ['f', '_h', 'constructor', '__proto__', 'toString'] });
CustomManager.register('Squares', {
  callable: Calculator,
  proxyType: CalculatorProxy,
  methodToTypeid: { squares: 'Iterator', self: 'Hidden' },
});
CustomManager.register('Hidden', { createMethod: false });

const shared: unknown[] = [];

/** Its function is exported by nobody: it comes with the class. */
export class DefinedManager extends BaseManager.define({
  getList: () => shared,
  getMap: () => new Map([['a', 1]]),
  getSet: () => new Set([1]),
  getObject: () => ({ x: 1 }),
}) {}

/** Runs in the server. */
export async function initialize(dict: DictProxy): Promise<void> {
  dict.sync.count = (dict.sync.count ?? 0) + 1;
}

export function failing(): never {
  throw new RangeError('the initializer fails');
}

/** What a client of the soak test does until the event is set. */
export async function keepBusy(dict: DictProxy, lock: LockProxy, stop: EventProxy, started: Event): Promise<void> {
  started.set();
  for (let i = 0; !(await stop.isSet()); i++) {
    await lock.run(async () => {
      const count = (await dict.get('count', 0)) as number;
      await dict.set('count', count + 1);
    });
    await dict.set(
      `own ${process.pid}`,
      Array.from({ length: i % 100 }, (_, n) => n),
    );
  }
}

/** Waits at the condition, and says before and after that it does. */
export async function sleepAt(
  condition: ConditionProxy,
  sleeping: SemaphoreProxy,
  woken: SemaphoreProxy,
  timeout?: number,
): Promise<void> {
  await condition.acquire();
  await sleeping.release();
  await condition.wait(timeout);
  await woken.release();
  await condition.release();
}

/** Counts down, and tells of it. */
export async function countTo(condition: ConditionProxy, value: ValueProxy, target: number): Promise<void> {
  await condition.run(async () => {
    value.sync.value = 0;
    await condition.notify();
    check(await condition.waitFor(async () => (await value.get()) === target), 'the count');
  });
}

/** Twice past the barrier: what it got, and how many had come before and after. */
export async function passTwice(
  barrier: BarrierProxy,
  acted: ListProxy<number>,
  results: ListProxy<unknown>,
): Promise<void> {
  const first = await barrier.wait();
  const ran = await acted.length;
  const second = barrier.sync.wait();
  await results.append([first, ran, second, acted.sync.length]);
}

const acted: number[] = [];

/** The action of a barrier, which runs in the server. */
export function act(): void {
  acted.push(acted.length);
}

export class ActingManager extends SyncManager {
  declare getActed: () => ListProxy<number> & Promise<ListProxy<number>>;
}
ActingManager.register('getActed', { callable: () => acted });

export async function awaitEvent(event: EventProxy, waiting: SemaphoreProxy, results: QueueProxy): Promise<void> {
  const waited = event.wait();
  await waiting.release();
  await results.put(await waited);
}

export async function putAll(queue: QueueProxy<number>, items: readonly number[]): Promise<void> {
  for (const item of items) await queue.put(item);
}

export async function workOff(queue: JoinableQueueProxy<number | null>, done: ListProxy): Promise<void> {
  for (;;) {
    const item = await queue.get();
    if (item !== null) await done.append(item);
    await queue.taskDone();
    if (item === null) return;
  }
}

/** A client on its own: over TCP it puts what has no meaning there, and is told so, and what has. */
export async function putThere(queue: QueueProxy, item: unknown): Promise<void> {
  const refused = await queue.put(putAll).then(
    () => false,
    (error) => error instanceof TypeError,
  );
  check(refused, 'a function');
  await queue.put(item);
}

/** Gives a managed pool work, and is killed. */
export async function giveWork(pool: PoolProxy, list: ListProxy, ready: EventProxy): Promise<void> {
  await pool.applyAsync(appendLater, [list, 'done']);
  void pool.apply(appendLater, [list, 'done, too']);
  await pool.stats();
  await ready.set();
  await new Promise(() => setInterval(() => {}, 1000));
}

export async function whenSet<T>(event: EventProxy, value: T): Promise<T> {
  await event.wait();
  return value;
}

export async function appendLater(list: ListProxy, item: unknown): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  await list.append(item);
}
