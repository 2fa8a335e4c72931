/** What the children of test/package/smoke.test.ts do. */
import type { Event, Lock, Queue, Semaphore, Value } from 'multiproc';

export async function count(lock: Lock, value: Value<'i'>, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    lock.acquireSync();
    const seen = value.value;
    value.value = seen + 1;
    lock.release();
    // Now and then by a promise, which takes the waiting thread.
    if (i % 100 === 0) await lock.run(() => {});
  }
}

export async function double(orders: Queue<number>, results: Queue<number>, begun: Event, limit: Semaphore) {
  begun.set();
  await limit.run(async () => {
    for await (const order of orders) await results.put(2 * order);
  });
}
