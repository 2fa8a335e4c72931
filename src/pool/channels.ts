/** The messages of pools on `node:diagnostics_channel`. */
import { channel } from 'node:diagnostics_channel';

/** A message of `multiproc:worker-lost`: a worker ended unexpectedly. */
export interface WorkerLostMessage {
  /** The pool that replaces it. */
  readonly pool: object;
  /** Pid of the worker's process; `threadId` of a thread. */
  readonly pid: number;
  /** Name of the worker. */
  readonly name: string;
  /** Exit code of the worker, or −signal if a signal ended it. */
  readonly exitCode: number;
  /** The signal that ended it, such as `'SIGKILL'`, or `null`. */
  readonly signal: string | null;
}

/** A message of `multiproc:task`: a task has settled. */
export interface TaskMessage {
  /** The pool of the task. */
  readonly pool: object;
  /** The function's name. */
  readonly fn: string;
  /** Whether the function returned. */
  readonly ok: boolean;
  /** Pid of the worker that ran it; `undefined` if none did. */
  readonly pid: number | undefined;
  /** Time from submission to start, in ms. */
  readonly waited: number;
  /** Time from start to end, in ms. */
  readonly ran: number;
}

export const workerLost = channel('multiproc:worker-lost');
export const taskSettled = channel('multiproc:task');
