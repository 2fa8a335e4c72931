/** What the arguments of a pool's methods have to be. */
import { parseWait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { describe } from '../shared/names.js';
import { checkOptions } from '../shared/options.js';
import type { ApplyOptions, MapOptions } from './options.js';

export function checkSize(processes: unknown): number {
  if (!Number.isInteger(processes)) {
    throw new TypeError(`Expected "processes" to be an integer, got ${describe(processes)}`);
  }
  if ((processes as number) < 1) throw new ValueError('Number of processes must be at least 1');
  return processes as number;
}

export function checkMaxTasks(maxTasks: unknown): number {
  if (maxTasks === undefined || maxTasks === null) return 0;
  if (Number.isSafeInteger(maxTasks) && (maxTasks as number) > 0) return maxTasks as number;
  throw new ValueError(`Expected "maxTasksPerChild" to be a positive integer or null, got ${describe(maxTasks)}`);
}

export function checkInitializer(initializer: unknown): void {
  if (initializer !== undefined && initializer !== null && typeof initializer !== 'function') {
    throw new TypeError(`Expected "initializer" to be a function, got ${describe(initializer)}`);
  }
}

export function checkGrace(grace: unknown): void {
  if (Number.isInteger(grace) && (grace as number) >= 0) return;
  throw new RangeError(`Expected "grace" to be a whole number of milliseconds, got ${describe(grace)}`);
}

export function checkPositive(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value)) throw new TypeError(`Expected "${name}" to be an integer, got ${describe(value)}`);
  if ((value as number) < 1) throw new ValueError(`Expected "${name}" to be at least 1, got ${value}`);
  return value as number;
}

export function checkChunksize(chunksize: unknown): number {
  if (Number.isInteger(chunksize) && (chunksize as number) < 1) {
    throw new ValueError(`Chunksize must be 1+, not ${chunksize}`);
  }
  return checkPositive('chunksize', chunksize) ?? 1;
}

export function checkApply(options: ApplyOptions): { timeout: number; signal: AbortSignal | undefined } {
  checkOptions(options);
  const { timeout, signal } = options;
  // Checked as every wait is; what counts is the span.
  parseWait({ timeout, signal });
  return { timeout: Math.max(timeout ?? Infinity, 0), signal };
}

export function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function, got ${describe(fn)}`);
}

export function checkCallbacks(options: { callback?: unknown; errorCallback?: unknown } | undefined): void {
  for (const name of ['callback', 'errorCallback'] as const) {
    const callback = options?.[name];
    if (callback !== undefined && callback !== null && typeof callback !== 'function') {
      throw new TypeError(`Expected "${name}" to be a function, got ${describe(callback)}`);
    }
  }
}

export function checkMap(options: MapOptions = {}): ReturnType<typeof checkApply> & { chunksize: number | undefined } {
  const limits = checkApply(options);
  checkOnProgress(options.onProgress);
  return { ...limits, chunksize: checkPositive('chunksize', options.chunksize) };
}

function checkOnProgress(onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === 'function') return;
  throw new TypeError(`Expected "onProgress" to be a function, got ${describe(onProgress)}`);
}

export function checkIterable(items: unknown): void {
  const candidate = items as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  if (typeof candidate?.[Symbol.iterator] === 'function') return;
  if (typeof candidate?.[Symbol.asyncIterator] === 'function') return;
  throw new TypeError(`Expected "items" to be iterable, got ${describe(items)}`);
}

/** The items, not to be changed by anybody meanwhile; arrays are taken as they are. */
export function listOf(items: unknown, name: string): ArrayLike<unknown> & unknown[] {
  if (Array.isArray(items) && items[Symbol.iterator] === Array.prototype[Symbol.iterator]) return items;
  if (typeof (items as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected "${name}" to be iterable, got ${describe(items)}`);
  }
  return Array.from(items as Iterable<unknown>);
}
