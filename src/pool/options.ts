/** What the methods of a pool may be given. */
import type { StartMethod } from '../process/launchers/launcher.js';
import type { AsyncCallbacks } from './async-result.js';

/** What a pool runs: a function that its module exports, or that was registered. Its promise is awaited. */
// biome-ignore lint/suspicious/noExplicitAny: any arguments
export type PoolFn<A extends any[] = any[], R = any> = (...args: A) => R;

/** Options of `Pool`. */
export interface PoolOptions {
  /** What every worker runs first, awaited. If it throws, the pool fails with its error. */
  initializer?: PoolFn | undefined;
  /** The initializer's arguments: an array, or anything else that can be iterated, but no string. */
  initargs?: Iterable<unknown> | undefined;
  /** After so many tasks (calls, or chunks) a worker is replaced by a new one. Default: never. */
  maxTasksPerChild?: number | null | undefined;
  /** What `getContext` returned, or the name of a start method. Default: the program's start method. */
  context?: { getStartMethod(): StartMethod } | StartMethod | undefined;
  /** How long a task that is told to stop may go on before its worker is killed, in ms. Default 1000. */
  grace?: number | undefined;
  /** `'default'`: Ctrl-C ends workers. Otherwise they ignore it, and their parent decides. */
  signals?: 'default' | 'ignore' | undefined;
}

/** Options of `Pool.apply`. */
export interface ApplyOptions {
  /** Ends the work when it has run for so long, in ms. */
  timeout?: number | undefined;
  /** Ends the work. */
  signal?: AbortSignal | undefined;
}

/** Options of `Pool.map`. */
export interface MapOptions extends ApplyOptions {
  /** Items that go to a worker together. Default by Python's rule: about four chunks for each worker. */
  chunksize?: number | undefined;
  /** Called after each chunk with the number of items done, and of all. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Shows a bar on stderr, if that is a terminal. Needs the package `cli-progress`. */
  progress?: boolean | undefined;
}

/** Options of `Pool.mapAsync`. */
export interface MapAsyncOptions<R> extends MapOptions, AsyncCallbacks<R[]> {}

/** Options of `Pool.imap`. */
export interface ImapOptions {
  /** Items that go to a worker together. Default 1. */
  chunksize?: number | undefined;
  /** So many items may have been fetched whose results were not taken yet. Default: 16, or four chunks for each worker. */
  buffersize?: number | undefined;
}
