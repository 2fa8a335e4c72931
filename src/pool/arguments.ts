/** Checks of the arguments of a pool's methods. */
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { travellingTarget } from '../process/target.js';

export function checkSize(processes: unknown): number {
  if (!Number.isInteger(processes)) {
    throw new TypeError(`Expected "processes" to be an integer, got ${describe(processes)}`);
  }
  if ((processes as number) < 1) throw new ValueError('Number of processes must be at least 1');
  return processes as number;
}

export function checkFunction(fn: unknown): void {
  travellingTarget(fn, 'fn');
}

export function checkIterable(items: unknown): void {
  const candidate = items as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  if (typeof candidate?.[Symbol.iterator] === 'function') return;
  if (typeof candidate?.[Symbol.asyncIterator] === 'function') return;
  throw new TypeError(`Expected "items" to be iterable, got ${describe(items)}`);
}

/** Returns the items as a list that does not change meanwhile; arrays are taken as they are. */
export function listOf(items: unknown, name: string): ArrayLike<unknown> & unknown[] {
  if (Array.isArray(items) && items[Symbol.iterator] === Array.prototype[Symbol.iterator]) return items;
  if (typeof (items as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected "${name}" to be iterable, got ${describe(items)}`);
  }
  return Array.from(items as Iterable<unknown>);
}
