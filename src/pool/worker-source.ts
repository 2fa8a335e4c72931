/**
 * The interface between a pool and its kind of workers: starting one, and observing it from outside. Tasks and results
 * go through shared memory, which every kind of worker attaches by handle, so none of them passes here.
 *
 * An implementation runs `serveTasks(assignment)` of worker/serve.js in a thread of its own, in a process or not: the
 * assignment is plain data with shared objects, and travels as `args` of a process do, by `serialize` and
 * `deserialize`. `serveTasks` returns when the worker is to end; timers or requests that a task left open must not
 * delay that. `Pool` and `ThreadPool` differ in their source alone: a subclass of `Pool` overrides its static
 * `workerSource`.
 */
import type { Readable } from 'node:stream';
import type { ProcessOptions } from '../process/options.js';
import type { Assignment } from './worker/assignment.js';

/** Options of node for a worker. */
export type RunOptions = Pick<ProcessOptions, 'execArgv' | 'env' | 'stdio' | 'resourceLimits'>;

/** Picks these options from those of a pool. */
export function runOptionsOf({ execArgv, env, stdio, resourceLimits }: RunOptions): RunOptions {
  return { execArgv, env, stdio, resourceLimits };
}

/** The end of a worker. */
export interface WorkerEnd {
  /** The exit code, or −signal if a signal ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
}

/** One worker, from outside. All methods may be called again after its end. */
export interface PoolWorker {
  readonly name: string;
  /** Pid of its process. */
  readonly pid: number;
  /** Its output, where the pool's `stdio` makes it a pipe; otherwise null. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Returns its end, as far as that is visible without the event loop; `undefined` while it runs. */
  poll(): WorkerEnd | undefined;
  /**
   * Calls back once when `poll()` may return an end, never before this returns. `keepAlive`: the program waits for it.
   *
   * @returns a function that cancels this
   */
  onEnd(callback: () => void, keepAlive: boolean): () => void;
  /** Ends it as `terminate` of a process does. Does nothing after its end. */
  terminate(): void;
  /** Kills it. */
  kill(): void;
}

/** A kind of worker. */
export interface WorkerSource {
  /**
   * Starts a worker and returns at once.
   *
   * @throws the errors of `Process.start`; there is no worker then
   */
  start(assignment: Assignment): PoolWorker;
  /** Whether all workers are started with the pool, because each has a copy of the program as it is at that moment. */
  readonly startsAtOnce: boolean;
  /** Whether workers are processes or threads, for the texts of errors. */
  readonly kind: 'process' | 'thread';
}
