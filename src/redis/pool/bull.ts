/** The part of BullMQ that the pool uses, loaded when a pool is made: the package is an optional peer. */
import type { RedisClient } from '../client.js';
import { RedisError } from '../errors.js';

/** A job as a worker gets it. */
export interface Job<T> {
  readonly id: string;
  readonly data: T;
  /** Number of workers that have begun it, this one included. */
  readonly attemptsStarted: number;
}

export interface NewJob<T> {
  readonly name: string;
  readonly data: T;
  readonly opts: Readonly<Record<string, unknown>>;
}

interface QueueOptions {
  readonly connection: RedisClient;
  readonly prefix: string;
}

/** BullMQ's `Queue`. */
export interface JobQueue<T> {
  add(name: string, data: T, opts: Readonly<Record<string, unknown>>): Promise<unknown>;
  addBulk(jobs: readonly NewJob<T>[]): Promise<unknown>;
  /** Resolves to 0 if the job is locked by a worker. */
  remove(id: string): Promise<number>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export interface JobWorkerOptions extends QueueOptions {
  readonly concurrency: number;
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly maxStalledCount: number;
  readonly runRetryDelay: number;
}

/** BullMQ's `Worker`. */
export interface JobWorker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  /** Takes no further job, and waits for those that run unless `force`. */
  close(force?: boolean): Promise<void>;
}

export interface Bull {
  readonly Queue: new <T>(name: string, options: QueueOptions & { skipMetasUpdate?: boolean }) => JobQueue<T>;
  readonly Worker: new <T>(
    name: string,
    run: (job: Job<T>) => Promise<unknown>,
    options: JobWorkerOptions,
  ) => JobWorker;
}

/** @throws RedisError `ERR_MULTIPROC_REDIS` where the package is not installed */
export async function loadBull(): Promise<Bull> {
  try {
    return (await import('bullmq')) as unknown as Bull;
  } catch (cause) {
    throw new RedisError('A Pool on Redis needs the package bullmq, which cannot be loaded: npm install bullmq', {
      cause,
    });
  }
}
