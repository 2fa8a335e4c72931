/** Options of a pool and of its methods. */

import { availableParallelism } from 'node:os';
import { waitFields } from '../deadline.js';
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { boolean, callable, checkedBy, type Kind, nullable, positiveInteger, unexpected } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import type { StartMethod } from '../process/launchers/launcher.js';
import {
  argumentsKind,
  contextKind,
  type ProcessOptions,
  runFields,
  type StartContext,
  signalsKind,
} from '../process/options.js';
import { type ModuleTarget, travellingTarget } from '../process/target.js';
import { objectName } from '../shared/block.js';
import type { AsyncCallbacks } from './async-result.js';
import { type CrewSize, smallCrew } from './crew.js';

/** A function for a pool: exported by its module, or registered. Its promise is awaited. */
// biome-ignore lint/suspicious/noExplicitAny: any arguments
export type PoolFn<A extends any[] = any[], R = any> = (...args: A) => R;

/** Arguments from any iterable except a string, and except an array, whose types are checked one by one. */
export type LooseArguments = Iterable<unknown> & { readonly concat?: never };

/** Options of `Pool`; `A` are the parameters of the initializer. */
// biome-ignore lint/suspicious/noExplicitAny: any arguments
export interface PoolOptions<A extends any[] = any[]>
  extends Pick<ProcessOptions, 'execArgv' | 'env' | 'stdio' | 'resourceLimits'> {
  /** A function that every worker runs first, awaited. If it throws, the pool fails with its error. */
  initializer?: PoolFn<A> | ModuleTarget | null | undefined;
  /** The initializer's arguments: an array, or another iterable except a string. */
  initargs?: Readonly<NoInfer<A>> | LooseArguments | undefined;
  /** Number of tasks (calls, or chunks) after which a worker is replaced. Default: never. */
  maxTasksPerChild?: number | null | undefined;
  /**
   * Number of workers that are started with the pool and kept. The others are started when there are more tasks than
   * workers. Default: all of a pool of up to four, else the number of CPUs that this process may use; with `fork`
   * always all.
   */
  minWorkers?: number | null | undefined;
  /** Upper bound on workers: another word for the argument `processes`. */
  maxWorkers?: number | null | undefined;
  /** Time in ms without a task after which a worker beyond `minWorkers` ends. Default: none ends. */
  idleTimeout?: number | null | undefined;
  /** A context of `getContext`, or the name of a start method. Default: the program's start method. */
  context?: StartContext | StartMethod | null | undefined;
  /** How long a task that was interrupted may still run before its worker is killed, in ms. Default 1000. */
  grace?: number | undefined;
  /**
   * `'default'`: SIGHUP, SIGINT, SIGQUIT and SIGTERM act on workers as on other processes. Default `'ignore'`: workers
   * leave signals to the process group (Ctrl-C, a supervisor's stop) to their parent, which may {@link Pool.drain} the
   * pool.
   */
  signals?: 'default' | 'ignore' | undefined;
  /**
   * A name under which all programs of this user share the workers. The first program starts them in a process that
   * outlives it; they end with the last member. Given options must equal those of the pool that exists; options that
   * are left out are taken as they are. `close`, `terminate`, `drain` and `join` apply to this member's work.
   */
  name?: string | undefined;
}

/** Options of `Pool.apply`. */
export interface ApplyOptions {
  /** Upper bound in ms on the run of the work. */
  timeout?: number | null | undefined;
  /** Cancels the work. */
  signal?: AbortSignal | undefined;
}

/** Options of `Pool.map`. */
export interface MapOptions extends ApplyOptions {
  /** Number of items for each task. Default by Python's rule: about four chunks for each worker. */
  chunksize?: number | null | undefined;
  /** Called after each chunk with the number of items done, and of all. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Shows a bar on stderr, if that is a terminal. Needs the package `cli-progress`. */
  progress?: boolean | undefined;
}

/** Options of `Pool.mapAsync`. */
export interface MapAsyncOptions<R> extends MapOptions, AsyncCallbacks<R[]> {}

/** Options of `Pool.imap`. */
export interface ImapOptions {
  /** Number of items for each task. Default 1. */
  chunksize?: number | null | undefined;
  /**
   * Upper bound on items that were fetched and whose results were not taken. Default: 16, or four chunks for each
   * worker.
   */
  buffersize?: number | null | undefined;
  /**
   * Called when the results of a chunk have arrived, with the number of items done, and of all where that is known: for
   * an array, a typed array, a Map or a Set.
   */
  onProgress?: ((done: number, total: number | undefined) => void) | undefined;
  /**
   * Shows a bar on stderr, if that is a terminal; a count where the number of items is unknown. Needs `cli-progress`.
   */
  progress?: boolean | undefined;
}

const maxTasks: Kind<number> = checkedBy((value, name) => {
  if (Number.isSafeInteger(value) && (value as number) > 0) return;
  throw new ValueError(`Expected "${name}" to be a positive integer or null, got ${describe(value)}`);
});

const grace: Kind<number> = checkedBy((value, name) => {
  if (Number.isInteger(value) && (value as number) >= 0) return;
  throw new RangeError(`Expected "${name}" to be a whole number of milliseconds, got ${describe(value)}`);
});

const minWorkers: Kind<number> = checkedBy((value, name) => {
  if (!Number.isSafeInteger(value)) throw unexpected(name, 'an integer', value);
  if ((value as number) < 0) throw new ValueError(`Expected "${name}" to be at least 0, got ${value}`);
});

/** More would overflow the timers of Node. */
const maxIdleTimeout = 2 ** 31 - 1;

const idleTimeout: Kind<number> = checkedBy((value, name) => {
  if (
    value === Infinity ||
    (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxIdleTimeout)
  ) {
    return;
  }
  throw new RangeError(
    `Expected "${name}" to be a whole number of milliseconds up to ${maxIdleTimeout}, or Infinity, got ${describe(value)}`,
  );
});

const imapChunksize: Kind<number> = checkedBy((value, name) => {
  if (Number.isInteger(value) && (value as number) < 1) throw new ValueError(`Chunksize must be 1+, not ${value}`);
  positiveInteger.check(value, name);
});

/** {@link PoolOptions}. */
export const poolOptions = new OptionTable<PoolOptions>({
  initializer: nullable(checkedBy<PoolFn | ModuleTarget>((value) => void travellingTarget(value, 'initializer'))),
  initargs: argumentsKind,
  maxTasksPerChild: nullable(maxTasks),
  context: nullable(contextKind),
  minWorkers: nullable(minWorkers),
  maxWorkers: nullable(positiveInteger),
  idleTimeout: nullable(idleTimeout),
  grace,
  signals: signalsKind,
  name: objectName,
  ...runFields,
});

const { timeout, signal } = waitFields;
const applyFields = { timeout, signal };
const errorCallback = nullable(callable<(error: unknown) => void>());
const mapFields = {
  ...applyFields,
  chunksize: nullable(positiveInteger),
  onProgress: callable<(done: number, total: number) => void>(),
  progress: boolean,
};

/** {@link ApplyOptions}. */
export const applyOptions = new OptionTable<ApplyOptions>(applyFields);
/** {@link ApplyOptions} with callbacks, of `applyAsync`. */
export const applyAsyncOptions = new OptionTable<ApplyOptions & AsyncCallbacks<never>>({
  ...applyFields,
  callback: nullable(callable<(value: never) => void>()),
  errorCallback,
});
/** {@link MapOptions}. */
export const mapOptions = new OptionTable<MapOptions>(mapFields);
/** {@link MapAsyncOptions}. */
export const mapAsyncOptions = new OptionTable<MapAsyncOptions<never>>({
  ...mapFields,
  callback: nullable(callable<(value: never[]) => void>()),
  errorCallback,
});
/** {@link ImapOptions}. */
export const imapOptions = new OptionTable<ImapOptions>({
  chunksize: nullable(imapChunksize),
  buffersize: nullable(positiveInteger),
  onProgress: callable<(done: number, total: number | undefined) => void>(),
  progress: boolean,
});

/**
 * The number of workers of a pool.
 *
 * @param given the argument `processes`, checked
 * @throws ValueError if `processes` and `maxWorkers` differ, and for a `minWorkers` above them
 */
export function crewSizeOf(
  given: number | undefined,
  { minWorkers, maxWorkers, idleTimeout }: Pick<PoolOptions, 'minWorkers' | 'maxWorkers' | 'idleTimeout'>,
): CrewSize {
  if (given !== undefined && maxWorkers != null && maxWorkers !== given) {
    throw new ValueError(`Expected "maxWorkers" to be "processes", ${given}, or to be left out, got ${maxWorkers}`);
  }
  const cpus = availableParallelism();
  const most = given ?? maxWorkers ?? Math.max(cpus, minWorkers ?? 0);
  if (minWorkers != null && minWorkers > most) {
    throw new ValueError(`Expected "minWorkers" to be at most the number of workers, ${most}, got ${minWorkers}`);
  }
  return {
    most,
    least: minWorkers ?? (most <= smallCrew ? most : Math.min(most, cpus)),
    idleTimeout: idleTimeout ?? Infinity,
  };
}
