/** What Ctrl-C does to a wait for a condition, shared or managed. */
import type { Test } from 'tap';

interface Waitable {
  acquire(): Promise<unknown>;
  wait(options: { timeout: number; signal: AbortSignal }): Promise<unknown>;
  locked(): boolean | Promise<boolean>;
  release(): unknown;
}

/** Waits, and sends SIGINT to this process: the wait ends, and the lock is held again; then it is given back. */
export async function interruptWait(t: Test, condition: Waitable): Promise<void> {
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort(new Error('interrupted')));
  await condition.acquire();
  const waiting = condition.wait({ timeout: 60_000, signal: interruption.signal });
  process.kill(process.pid, 'SIGINT');
  await t.rejects(waiting, { message: 'interrupted' });
  t.equal(await condition.locked(), true);
  await condition.release();
}
