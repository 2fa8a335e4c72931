/** What the pool tells on `node:diagnostics_channel`. */
import { channel } from 'node:diagnostics_channel';

/** A message of `multiproc:worker-lost`: a worker ended that was not to. */
export interface WorkerLostMessage {
  readonly pool: object;
  readonly pid: number;
  readonly name: string;
  /** −signal if a signal ended it. */
  readonly exitCode: number;
  readonly signal: string | null;
}

/** A message of `multiproc:task`: a task has settled. */
export interface TaskMessage {
  readonly pool: object;
  /** The function's name. */
  readonly fn: string;
  readonly ok: boolean;
  /** Of the worker that ran it; `undefined` if none did. */
  readonly pid: number | undefined;
  /** From its submission to its start, and from there to its end, in ms. */
  readonly waited: number;
  readonly ran: number;
}

export const workerLost = channel('multiproc:worker-lost');
export const taskSettled = channel('multiproc:task');
