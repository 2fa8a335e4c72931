/** The arguments of a call that is made elsewhere. */
import { describe } from '../options/describe.js';

/**
 * Arrays as they are, everything else that can be iterated as a list. In a text nobody means the characters.
 *
 * @param name of what was given
 * @throws TypeError for what is no such thing
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
