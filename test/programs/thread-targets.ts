/** What the threads of the dummy tests run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { type Event, type Lock, type Queue, type Semaphore, type Value, waitSync } from 'multiproc';
import { currentProcess, Process } from 'multiproc/dummy';

const here = import.meta.url;

export function nothing(): void {}

export async function stay(ready?: Event): Promise<void> {
  ready?.set();
  await sleep(1_000_000);
}

export function spin(ready: Event): void {
  ready.set();
  for (;;);
}

/** Blocks for ever in one of the ways that there are. */
export function block(how: string, ready: Event, lock: Lock, queue: Queue<number>): void {
  const ways: Record<string, () => unknown> = {
    lock: () => lock.acquireSync(),
    get: () => queue.getSync(),
    wait: () => waitSync([queue]),
    join() {
      const child = new Process({ target: { module: here, export: 'stay' } });
      child.start();
      child.joinSync();
    },
  };
  ready.set();
  ways[how]?.();
}

/** Uses everything, always; only what is whole may be seen in `count`. */
export function hammer(lock: Lock, semaphore: Semaphore, queue: Queue<number>, count: Value<'q'>, ready: Event): void {
  ready.set();
  for (let i = 0; ; i++) {
    lock.acquireSync();
    if (lock.ownerDied) lock.markConsistent();
    count.add(1n);
    lock.release();
    semaphore.acquireSync();
    semaphore.release();
    queue.tryPut(i);
    queue.tryGet();
  }
}

export function listenToExit(code: number): void {
  process.on('exit', () => {
    process.exitCode = code;
  });
}

export function keepLock(lock: Lock): void {
  lock.acquireSync();
}

/** Starts threads of its own, and stays. */
export async function parentOf(children: number, ready: Event): Promise<void> {
  for (let i = 0; i < children; i++) new Process({ target: { module: here, export: 'stay' } }).start();
  await stay(ready);
}

export function say(text: string): void {
  console.log(text);
  console.error(text);
}

export function identify(): unknown {
  const current = currentProcess();
  return { own: current instanceof Process, ident: current.ident === threadId, pid: current.pid === process.pid };
}

/** Works much and leaves V8 something to do: a thread in a forked process ends all the same. */
export function allocate(): number {
  const kept: object[] = [];
  for (let i = 0; i < 1_000_000; i++) {
    if (i % 100 === 0) kept.push({ i, at: [i] });
    if (kept.length > 5000) kept.length = 0;
  }
  return kept.length;
}

/** In a process: how its own threads ended. */
export async function threadsOfOne(): Promise<unknown> {
  const codes: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const child = new Process({ target: { module: here, export: 'allocate' } });
    child.start();
    codes.push(await child.exited);
  }
  return codes;
}
