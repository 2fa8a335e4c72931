/** What a worker is given when it starts: where tasks come from, where results go, and what to do first. */
import type { Queue } from '../../messaging/queue.js';
import type { RawArray } from '../../shared/array.js';
import type { Event } from '../../sync/event.js';

/** Plain data with objects of ours, so that it travels to every kind of worker. */
export interface Assignment {
  /** The worker's row on the board. */
  readonly row: number;
  /** What the parent and its workers tell each other at any time: a row for each worker. */
  readonly board: RawArray<'i'>;
  /** Set when the parent has written something for the worker on the board. */
  readonly attention: Event;
  readonly tasks: Queue;
  readonly results: Queue;
  /** The functions that were used until now, by number, each as `serialize` makes it. */
  readonly functions: readonly Uint8Array[];
  /** `[initializer, initargs]` as `serialize` makes it, for this worker alone; so that a failure to read it can be told. */
  readonly initializer: Uint8Array | undefined;
  /** After so many chunks the worker retires; 0: never. */
  readonly maxTasks: number;
  /** Whether signals to the process group act on the worker as on other processes. */
  readonly defaultSignals: boolean;
}
