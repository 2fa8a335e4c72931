/** What `pool.stats()` tells. */
import type { HistogramSummary } from './histogram.js';

/** Of a worker of a pool. */
export interface PoolWorkerStats {
  /** Of its process. */
  readonly pid: number;
  /** Of its process, such as `ForkServerPoolWorker-1`. */
  readonly name: string;
  /** `retired`: it has done what it was to do, and takes no more. */
  readonly state: 'starting' | 'idle' | 'busy' | 'retired';
}

/** Of a pool, at this moment. Tasks are calls, and chunks of maps. */
export interface PoolStats {
  /** Those that live. */
  readonly workers: readonly PoolWorkerStats[];
  /** Tasks that no worker has taken yet. */
  readonly queued: number;
  /** Tasks that a worker has taken, or whose outcome is on its way. */
  readonly running: number;
  /** Tasks that returned. */
  readonly completed: number;
  /** Tasks that threw, were given up, or lost their worker. */
  readonly failed: number;
  /** Workers that died. */
  readonly lost: number;
  /** From the start of a task to its end, in ms. */
  readonly runTime: HistogramSummary;
  /** From its submission to its start, in ms. */
  readonly waitTime: HistogramSummary;
}
