/** What `pool.stats()` tells. */
import type { HistogramSummary } from './histogram.js';

/** Of a worker of a pool. */
export interface PoolWorkerStats {
  /** Of its process. */
  readonly pid: number;
  readonly name: string;
  readonly state: 'starting' | 'idle' | 'busy' | 'retired';
}

/** Of a pool, at this moment. Tasks are calls, and chunks of maps. */
export interface PoolStats {
  readonly workers: readonly PoolWorkerStats[];
  /** Tasks that no worker has taken yet. */
  readonly queued: number;
  /** Tasks that a worker has taken, or whose outcome is on its way. */
  readonly running: number;
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
