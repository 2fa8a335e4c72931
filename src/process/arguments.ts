/** Argument lists of calls in other processes. */
import { describe } from '../options/describe.js';

/**
 * Returns arrays as they are, and other iterables as a list. A string is refused: its characters are hardly meant.
 *
 * @param name name of the parameter
 * @throws TypeError unless it is such an iterable
 */
export function argumentList(args: unknown, name: string): unknown[] {
  if (Array.isArray(args)) return args;
  if (typeof args === 'string' || !isIterable(args)) {
    throw new TypeError(`Expected "${name}" to be an array, or to be iterable and no string, got ${describe(args)}`);
  }
  return [...args];
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function';
}
