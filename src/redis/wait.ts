/** The loop of every wait: try, and wait for the bell, until it succeeds or the deadline has come. */
import { now, type ParsedWait } from '../deadline.js';
import type { Broadcast } from './bell.js';
import { type Bell, recheckMs } from './bell.js';

/** Outcome of a try: a result, or the reason to wait. */
export type Tried<R> = { readonly done: R } | { readonly recheck?: number; readonly seen?: number };

/**
 * Tries until that succeeds.
 *
 * @param attempt one script; `patient` says that there is no deadline
 * @param undo gives back what a try got after the wait had ended
 * @returns `undefined` when the deadline has come
 */
export async function waitOn<R>(
  bell: Bell | Broadcast,
  { deadline, signal }: ParsedWait,
  attempt: (patient: boolean) => Promise<Tried<R>>,
  undo?: (result: R) => unknown,
): Promise<R | undefined> {
  let rung = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const tried = await unless(signal, attempt(deadline === Infinity), (late) => {
        if ('done' in late) void undo?.(late.done);
      });
      rung = false;
      if ('done' in tried) return tried.done;
      const at = now();
      if (at >= deadline) return undefined;
      rung = await bell.wait(Math.min(deadline, at + (tried.recheck ?? recheckMs)), signal, tried.seen);
    }
  } finally {
    if (rung && 'pass' in bell) bell.pass();
  }
}

/** The promise, unless the signal fires before: then its result goes to `late`. */
async function unless<T>(
  signal: AbortSignal | undefined,
  promise: Promise<T>,
  late: (result: T) => unknown,
): Promise<T> {
  if (signal === undefined) return promise;
  let aborted: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        aborted = () => {
          promise.then(late, () => undefined);
          reject(signal.reason);
        };
        signal.addEventListener('abort', aborted);
      }),
    ]);
  } finally {
    if (aborted !== undefined) signal.removeEventListener('abort', aborted);
  }
}
