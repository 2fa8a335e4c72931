/** The start data of a worker: its source of tasks, its sink of results, and its initializer. */
import type { Queue } from '../../messaging/queue.js';
import type { RawArray } from '../../shared/array.js';
import type { Event } from '../../sync/event.js';

/** Plain data with shared objects, so that it travels to every kind of worker. */
export interface Assignment {
  /** The worker's row on the board. */
  readonly row: number;
  /** Words that the parent and its workers read at any time: a row for each worker. */
  readonly board: RawArray<'i'>;
  /** Set when the parent has written to the worker's row on the board. */
  readonly attention: Event;
  readonly tasks: Queue;
  readonly results: Queue;
  /** The functions that were used until now, by number, each as bytes of `serialize`. */
  readonly functions: readonly Uint8Array[];
  /**
   * `[initializer, initargs]` as bytes of `serialize`, for this worker alone, so that a failure to decode it can be
   * reported.
   */
  readonly initializer: Uint8Array | undefined;
  /** Number of chunks after which the worker retires; 0: never. */
  readonly maxTasks: number;
  /** Time in ms without a task after which the worker retires; `Infinity`: never. */
  readonly idleTimeout: number;
  /** Whether signals to the process group act on the worker as on other processes. */
  readonly defaultSignals: boolean;
}
