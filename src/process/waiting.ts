/** A promise that a callback settles, unless its deadline passes or its signal fires before. */
import { now, type ParsedWait, timerMs } from '../deadline.js';
import { clearTimeout, setTimeout } from '../timing.js';

/** Settles the promise; only the first call has an effect. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * Precondition: the signal has not fired.
 *
 * @param enter registers the callback that settles it later, never at once. It returns a function that cancels this,
 *   which is called when the promise settles
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
