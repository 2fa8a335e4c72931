/** What clients of the tests of limits and ends do in processes of their own. */
import type { EventProxy, JoinableQueueProxy, LockProxy, QueueProxy } from 'multiproc';

/** Has more calls than it may have, and stays until it is killed. */
export async function waitTooOften(queue: QueueProxy, lock: LockProxy, ready: EventProxy): Promise<void> {
  await lock.acquire();
  await ready.set();
  for (let i = 0; i < 5; i++) queue.get().catch(() => {});
  await new Promise(() => setInterval(() => {}, 1000));
}

export async function openGate(gate: EventProxy): Promise<void> {
  await gate.set();
}

/** Takes an item, says so, and ends when it is told to, without acknowledging it. */
export async function takeOne(queue: JoinableQueueProxy, taken: EventProxy, end: EventProxy): Promise<void> {
  await queue.get();
  await taken.set();
  await end.wait();
}

export async function rejecting(item: unknown): Promise<never> {
  throw new RangeError(`no ${String(item)}`);
}

/** Leaves a promise to itself that is rejected. */
export function careless(item: unknown): unknown {
  void rejecting(item);
  return item;
}
