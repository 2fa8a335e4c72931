/** Kinds of option values: what a table of options accepts under a name, and the error for anything else. */
import { ValueError } from '../errors.js';
import { describe } from './describe.js';

/** One kind of value. The type parameter is invariant, so that a table and the type of its options must agree exactly. */
export interface Kind<T> {
  /** @throws an error that names the option, what was expected and what came; never called with `undefined` */
  check(value: unknown, name: string): void;
  readonly type?: (value: T) => T;
}

/** A kind whose only test is a predicate; anything else is a TypeError. */
export function kind<T>(expected: string, accepts: (value: unknown) => boolean): Kind<T> {
  return {
    check(value, name) {
      if (!accepts(value)) throw unexpected(name, expected, value);
    },
  };
}

/** A kind with errors of its own. */
export function checkedBy<T>(check: (value: unknown, name: string) => void): Kind<T> {
  return { check };
}

/** Null stands for the default, as Python's `None` does. */
export function nullable<T>(inner: Kind<T>): Kind<T | null> {
  return {
    check(value, name) {
      if (value !== null) inner.check(value, name);
    },
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const quoted = words.map((word) => `'${word}'`);
  const expected = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return kind(expected, (value) => words.includes(value as T));
}

export const boolean: Kind<boolean> = kind('a boolean', (value) => typeof value === 'boolean');

export const text: Kind<string> = kind('a string', (value) => typeof value === 'string');

/** What an options type says by a function type of its own. */
export function callable<F>(expected = 'a function'): Kind<F> {
  return kind(expected, (value) => typeof value === 'function');
}

export const signal: Kind<AbortSignal> = kind(
  'an AbortSignal',
  (value) => value instanceof AbortSignal || isForeignSignal(value),
);

/** A time-out: a whole number, negative for 0, or `Infinity`. */
export const milliseconds: Kind<number> = checkedBy((value, name) => {
  if (typeof value !== 'number') throw unexpected(name, 'milliseconds, a number', value);
  if (Number.isInteger(value) || value === Infinity || value === -Infinity) return;
  throw new RangeError(`Expected "${name}" to be a whole number of milliseconds, got ${value} (Python counts seconds)`);
});

/** A whole number from 1 on. */
export const positiveInteger: Kind<number> = checkedBy((value, name) => {
  if (!Number.isSafeInteger(value)) throw unexpected(name, 'an integer', value);
  if ((value as number) < 1) throw new ValueError(`Expected "${name}" to be at least 1, got ${value}`);
});

export function unexpected(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(`Expected "${name}" to be ${expected}, got ${describe(got)}`);
}

/** A signal of another realm (a vm context), or of a polyfill that has all that is used here. */
function isForeignSignal(value: unknown): boolean {
  const { aborted, throwIfAborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof throwIfAborted === 'function' && typeof addEventListener === 'function';
}
