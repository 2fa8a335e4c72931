/** A promise that somebody settles, unless its deadline passes or its signal fires before. */
import { now, type ParsedWait, timerMs } from '../deadline.js';
import { clearTimeout, setTimeout } from '../timing.js';

/** What settles the promise; only the first call has an effect. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * Precondition: the signal has not fired.
 *
 * @param enter has somebody settle it later, never at once. What it returns takes that back, and is called when the promise
 *   settles, however it does
 * @param late settles it when the deadline passes
 */
export function waiting<T>(
  { deadline, signal, ref }: ParsedWait,
  enter: (settle: Settle<T>) => () => void,
  late: (settle: Settle<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      leave();
    };
    const settle: Settle<T> = {
      resolve(value) {
        end();
        resolve(value);
      },
      reject(error) {
        end();
        reject(error);
      },
    };
    const abort = () => settle.reject(signal?.reason);
    const arm = () => {
      const left = deadline - now();
      if (left <= 0) {
        late(settle);
        return;
      }
      timer = setTimeout(arm, timerMs(left));
      if (!ref) timer.unref();
    };
    const leave = enter(settle);
    signal?.addEventListener('abort', abort);
    if (deadline !== Infinity) arm();
  });
}
