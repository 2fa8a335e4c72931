/** Types of `pool.stats()`. */
import type { HistogramSummary } from './histogram.js';

/** Statistics of one worker. */
export interface PoolWorkerStats {
  /** Pid of its process. */
  readonly pid: number;
  /** Name of its process, such as `ForkServerPoolWorker-1`. */
  readonly name: string;
  /** `retired`: it has done its share, and takes no more tasks. */
  readonly state: 'starting' | 'idle' | 'busy' | 'retired';
}

/** Statistics of a pool, at this moment. Tasks are calls, and chunks of maps. */
export interface PoolStats {
  /** The living workers. */
  readonly workers: readonly PoolWorkerStats[];
  /** Tasks that no worker has taken yet. */
  readonly queued: number;
  /** Tasks that a worker has taken, or whose outcome is in flight. */
  readonly running: number;
  /** Tasks that returned. */
  readonly completed: number;
  /** Tasks that threw, were cancelled, or lost their worker. */
  readonly failed: number;
  /** Workers that died. */
  readonly lost: number;
  /** Time from the start of a task to its end, in ms. */
  readonly runTime: HistogramSummary;
  /** Time from the submission of a task to its start, in ms. */
  readonly waitTime: HistogramSummary;
}
