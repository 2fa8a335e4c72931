/** Tasks and outcomes as they lie on the server. */
import type { Application } from '../../pool/task-record.js';

/** The data of a job. */
export interface TaskData {
  /** The client that waits for the outcome. */
  readonly client: string;
  /** The module: `./file` relative to the root, or `npm:package/file`. */
  readonly module: string;
  /** The export; absent for a registered function. */
  readonly export?: string | undefined;
  readonly registered?: string | undefined;
  readonly apply: Application;
  /** The encoded list of values in base64; absent if it lies beside the job. */
  readonly values?: string | undefined;
  /** Upper bound in ms on the run. */
  readonly timeout?: number | undefined;
  /** Upper bound on workers that may begin it. */
  readonly attempts: number;
}

/** Larger values lie beside the job, in bytes. */
export const maxInline = 64 * 1024;

/** Name of the queue of a pool. */
export const queueName = 'tasks';

/** Fields of a client's hash of large values. */
export const argumentsField = (id: string): string => `a${id}`;
export const resultField = (id: string): string => `r${id}`;

/** A worker program, as it describes itself to the clients. */
export interface HostInfo {
  readonly host: string;
  readonly pid: number;
  readonly processes: number;
  readonly busy: number;
}
