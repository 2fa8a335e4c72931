/**
 * What a pool needs of its workers: something that starts one, and what can be seen of it from outside. Tasks and results
 * go through shared memory, which every kind of worker attaches by handle, so nothing here carries them.
 *
 * An implementation runs `serveTasks(assignment)` of worker/serve.js in a thread of its own, in a process or not: the
 * assignment is plain data with objects of ours, and travels as `args` of a process do, by `serialize` and `deserialize`.
 * `serveTasks` returns when the worker is to end; what a task left open must not keep it then. The source is all that
 * differs between `Pool` and `ThreadPool`: a subclass of `Pool` overrides its static `workerSource`.
 */
import type { Readable } from 'node:stream';
import type { ProcessOptions } from '../process/options.js';
import type { Assignment } from './worker/assignment.js';

/** How node runs a worker. */
export type RunOptions = Pick<ProcessOptions, 'execArgv' | 'env' | 'stdio' | 'resourceLimits'>;

/** Those of a pool. */
export function runOptionsOf({ execArgv, env, stdio, resourceLimits }: RunOptions): RunOptions {
  return { execArgv, env, stdio, resourceLimits };
}

/** How a worker ended. */
export interface WorkerEnd {
  /** The exit code, −signal if a signal ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
}

/** One worker, from outside. All of it may be called again after its end. */
export interface PoolWorker {
  readonly name: string;
  /** Of its process. */
  readonly pid: number;
  /** What it writes, where the pool's `stdio` makes these pipes; otherwise null. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** How it ended, as far as that can be seen without the event loop; `undefined` while it runs. */
  poll(): WorkerEnd | undefined;
  /**
   * Calls back once when `poll()` has something to say, never before this returns. `keepAlive`: the program waits for it.
   *
   * @returns what takes that back
   */
  onEnd(callback: () => void, keepAlive: boolean): () => void;
  /** Ends it as `terminate` of a process does. After its end this does nothing. */
  terminate(): void;
  /** Ends it without asking. */
  kill(): void;
}

/** A kind of worker. */
export interface WorkerSource {
  /**
   * Starts a worker and returns at once.
   *
   * @throws what `Process.start` throws; there is no worker then
   */
  start(assignment: Assignment): PoolWorker;
  /** Whether a worker that does not answer can be ended in the middle of JavaScript: for the documentation of errors. */
  readonly kind: 'process' | 'thread';
}
