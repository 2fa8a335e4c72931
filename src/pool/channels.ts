/** What the pool tells on `node:diagnostics_channel`. */
import { channel } from 'node:diagnostics_channel';

/** A message of `multiproc:worker-lost`: a worker ended that was not to. */
export interface WorkerLostMessage {
  /** The pool that has it replaced. */
  readonly pool: object;
  /** Of the worker's process; of a thread its `threadId`. */
  readonly pid: number;
  /** Of the worker. */
  readonly name: string;
  /** −signal if a signal ended it. */
  readonly exitCode: number;
  /** Such as `'SIGKILL'`; `null` if none ended it. */
  readonly signal: string | null;
}

/** A message of `multiproc:task`: a task has settled. */
export interface TaskMessage {
  /** The pool that it was given to. */
  readonly pool: object;
  /** The function's name. */
  readonly fn: string;
  /** Whether it returned. */
  readonly ok: boolean;
  /** Of the worker that ran it; `undefined` if none did. */
  readonly pid: number | undefined;
  /** From its submission to its start, in ms. */
  readonly waited: number;
  /** From its start to its end, in ms. */
  readonly ran: number;
}

export const workerLost = channel('multiproc:worker-lost');
export const taskSettled = channel('multiproc:task');
