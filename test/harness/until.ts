/** Waits for something that no message tells: another process has begun to sleep, for example. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Looks every few milliseconds; after 30 s without success it throws, with `what` in the message. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited 30 s for this: ${what}`);
    await sleep(5);
  }
}
