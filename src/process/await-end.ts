/** Waiting for the end of a process, for as long as somebody wants to: what `join` does. */
import { now, type ParsedWait, timerMs } from '../deadline.js';

/** An end that can be looked at, and watched for. */
export interface Ending {
  hasCome(): boolean;
  /** Calls back once when it has come, never at once; `reference` keeps the program alive. Returns what takes that back. */
  watch(callback: () => void, reference: boolean): () => void;
}

/**
 * @returns whether it has come
 * @throws the signal's `reason` once it fired
 */
export async function awaitEnd(ending: Ending, { deadline, signal, ref }: ParsedWait): Promise<boolean> {
  signal?.throwIfAborted();
  if (ending.hasCome()) return true;
  if (deadline === 0) return false;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      cancel();
    };
    const abort = () => {
      finish();
      reject(signal?.reason);
    };
    const cancel = ending.watch(() => {
      finish();
      resolve(true);
    }, ref);
    const arm = () => {
      const left = deadline - now();
      if (left > 0) {
        timer = setTimeout(arm, timerMs(left));
        if (!ref) timer.unref();
        return;
      }
      finish();
      resolve(ending.hasCome());
    };
    if (deadline !== Infinity) arm();
    signal?.addEventListener('abort', abort);
  });
}
