/** What the children of the sharing suite run: each uses what it was given, by blocking calls or by promises. */
import {
  type Barrier,
  BrokenBarrierError,
  type Condition,
  type Connection,
  currentProcess,
  type Event,
  type JoinableQueue,
  type Lock,
  type Queue,
  type RLock,
  type Semaphore,
  type ShareableList,
  type SharedArray,
  type SharedMemory,
  type Value,
  ValueError,
} from 'multiproc';

export type Mode = 'sync' | 'async';

export async function produce(mode: Mode, queue: Queue<[number, number]>, who: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (mode === 'sync') queue.putSync([who, i]);
    else await queue.put([who, i]);
  }
}

/** Hands everything on, until the queue has ended. */
export async function handOn(mode: Mode, from: Queue, to: Queue): Promise<number> {
  let count = 0;
  if (mode === 'async') {
    for await (const item of from) {
      await to.put(item);
      count++;
    }
    return count;
  }
  for (;;) {
    let item: unknown;
    try {
      item = from.getSync();
    } catch (error) {
      if ((error as Error).name === 'EOFError') return count;
      throw error;
    }
    to.putSync(item);
    count++;
  }
}

export async function acknowledge(mode: Mode, queue: JoinableQueue<number>, sum: Value<'i'>): Promise<void> {
  for (;;) {
    const item = mode === 'sync' ? queue.getSync() : await queue.get();
    if (item < 0) return queue.taskDone();
    sum.add(item);
    queue.taskDone();
  }
}

/** Answers until the other side has closed. */
export async function answer(mode: Mode, connection: Connection): Promise<string> {
  try {
    for (;;) {
      const text = (mode === 'sync' ? connection.recvSync() : await connection.recv()) as string;
      if (mode === 'sync') connection.sendSync(text.toUpperCase());
      else await connection.send(text.toUpperCase());
    }
  } catch (error) {
    return (error as Error).name;
  }
}

/** Adds by a read and a write, which another one may come between. */
export async function add(mode: Mode, lock: Lock | RLock | Semaphore, value: Value<'i'>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (mode === 'sync') lock.acquireSync();
    else await lock.acquire();
    const before = value.value;
    if (i % 50 === 0) await new Promise(setImmediate);
    value.value = before + 1;
    lock.release();
  }
}

export function misuse(lock: RLock): string {
  try {
    lock.release();
    return 'released';
  } catch (error) {
    return error instanceof ValueError ? 'ValueError' : String(error);
  }
}

export async function enter(mode: Mode, semaphore: Semaphore, inside: Value<'i'>, most: Value<'i'>): Promise<void> {
  for (let i = 0; i < 20; i++) {
    if (mode === 'sync') semaphore.acquireSync();
    else await semaphore.acquire();
    const now = inside.add(1) + 1;
    most.updateSync((before) => Math.max(before, now));
    await new Promise(setImmediate);
    inside.sub(1);
    semaphore.release();
  }
}

export async function waitForEvent(mode: Mode, event: Event, ready: Semaphore): Promise<boolean> {
  ready.release();
  return mode === 'sync' ? event.waitSync() : event.wait();
}

/** Sleeps at the condition; the predicate is a number that the parent raises. */
export async function sleepAt(mode: Mode, condition: Condition, asleep: Semaphore, awake: Semaphore): Promise<void> {
  if (mode === 'sync') {
    condition.acquireSync();
    asleep.release();
    condition.waitSync();
  } else {
    await condition.acquire();
    asleep.release();
    await condition.wait();
  }
  awake.release();
  condition.release();
}

export async function waitForState(mode: Mode, condition: Condition, state: Value<'i'>): Promise<boolean> {
  if (mode === 'sync') {
    condition.acquireSync();
    const held = condition.waitForSync(() => state.value === 4);
    condition.release();
    return held;
  }
  await condition.acquire();
  const held = await condition.waitFor(() => state.value === 4);
  condition.release();
  return held;
}

export async function meet(mode: Mode, barrier: Barrier, rounds: number): Promise<number[]> {
  const numbers: number[] = [];
  for (let i = 0; i < rounds; i++) numbers.push(mode === 'sync' ? barrier.waitSync() : await barrier.wait());
  return numbers;
}

export async function meetOrBreak(mode: Mode, barrier: Barrier): Promise<string> {
  try {
    return String(mode === 'sync' ? barrier.waitSync() : await barrier.wait());
  } catch (error) {
    return error instanceof BrokenBarrierError ? 'broken' : String(error);
  }
}

export function change(value: Value<'d'>, array: SharedArray<'i'>, list: ShareableList, memory: SharedMemory): string {
  value.value = 2.5;
  for (let i = 0; i < array.length; i++) array[i] = (array[i] as number) * 2;
  list.set(1, 'changed');
  memory.bytes.set([1, 2, 3]);
  return currentProcess().name;
}

/** Takes everything it was given, says so, and never ends by itself. */
export async function hold(taken: Event, lock: Lock, semaphore: Semaphore, connection: Connection): Promise<void> {
  lock.acquireSync();
  semaphore.acquireSync();
  connection.sendSync('mine');
  taken.set();
  await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
}

export async function stayAt(barrier: Barrier, taken: Event): Promise<void> {
  const waiting = barrier.wait();
  taken.set();
  await waiting;
}
