/** Words that a thread and its creator share without messages, so that a blocked one reads them, too. */
import type { Errand } from '../process/errand.js';

/** The words of a thread, by their place in its Int32Array. */
export const Word = {
  /** The kernel's id of the thread, once it runs code of this package; 0 before. */
  thread: 0,
  /** The signal by which its creator ended it; 0 none. */
  signal: 1,
  /** Its exit code plus 1, once it has come to its end by itself; 0 before. */
  exit: 2,
} as const;

export const wordCount = 3;

/** Start data of a thread. */
export interface Setup {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly errand: Errand;
  /** An eventfd, which the thread raises as the last thing it does. */
  readonly sentinel: number;
  /** Its process was forked. */
  readonly forked: boolean;
  /** The descriptors of its standard streams. */
  readonly stdio: readonly [number, number, number];
}

/** Key of the setup in the `workerData` of a thread. */
export const setupKey = 'multiproc:thread';
