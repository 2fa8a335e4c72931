/**
 * Asynchronous re-entry of an RLock: only code that `rlock.run(fn)` calls or awaits re-enters.
 *
 * A run's token travels in AsyncLocalStorage and is revoked when `fn` settles. Entering an async context anywhere else
 * (in `acquire()`, say) would leak it to sibling tasks. The storage is made at the first run, as one store slows every
 * await of the process.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** One `run` in progress. */
export interface Run {
  /** False once its function has settled: contexts that it left behind no longer re-enter. */
  active: boolean;
  /** The run around it. */
  readonly outer: Run | undefined;
}

let storage: AsyncLocalStorage<Run> | undefined;

/** A run that is about to begin. */
export function newRun(): Run {
  storage ??= new AsyncLocalStorage();
  return { active: true, outer: storage.getStore() };
}

/** Calls `fn` so that it, and what it calls and awaits, is inside the run. */
export async function enter<T>(run: Run, fn: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await (storage as AsyncLocalStorage<Run>).run(run, fn);
  } finally {
    run.active = false;
  }
}

/** Whether the caller is inside that run, and the run has not ended. */
export function isInside(run: Run): boolean {
  if (!run.active) return false;
  for (let current = storage?.getStore(); current !== undefined; current = current.outer) {
    if (current === run) return true;
  }
  return false;
}
