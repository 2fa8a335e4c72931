/** Tables of options: the names and kinds against which every options object of the API is checked. */
import { isOfPackage } from '../identity/copies.js';
import { describe } from './describe.js';
import type { Kind } from './kinds.js';
import { nearest } from './nearest.js';

/** A kind for each option: exactly the names and types of the options' TypeScript type. */
export type Fields<T> = { readonly [Name in keyof Required<T>]: Kind<Exclude<T[Name], undefined>> };

/** Names that users of Python try, and what to do instead. */
const advice: Readonly<Record<string, string>> = {
  kwargs: 'There are no "kwargs": pass an object in "args". ',
};

/** Absent they may be. @throws TypeError for anything but an object */
export function checkObject(options: unknown, expected = '"options" to be an object'): void {
  if (options === undefined || (typeof options === 'object' && options !== null)) return;
  throw new TypeError(`Expected ${expected}, got ${describe(options)}`);
}

export class OptionTable<T extends object> {
  /** The names in the order of the table. */
  readonly names: readonly string[];
  readonly #expected: string;
  readonly #fields: Readonly<Record<string, Kind<unknown>>>;

  /** @param expected what stands where the options are expected, for errors */
  constructor(fields: Fields<T>, expected = '"options" to be an object') {
    this.#expected = expected;
    this.names = Object.keys(fields);
    this.#fields = Object.assign(Object.create(null), fields);
  }

  /**
   * Checks the options that a call was given. Absent ones pass, and so does `undefined` as a value.
   *
   * @param owner the class or function that they are for, as errors name it
   * @throws TypeError for anything but an object, for an unknown name, and for a value of the wrong type
   */
  check(options: T | undefined, owner: string): void;
  check(options: unknown, owner: string): void {
    if (options === undefined) return;
    checkObject(options, this.#expected);
    const given = options as Readonly<Record<string, unknown>>;
    const prototype: unknown = Object.getPrototypeOf(given);
    if (prototype !== Object.prototype && prototype !== null) this.#checkInstance(given);
    const fields = this.#fields;
    for (const name in given) {
      const kind = fields[name];
      if (kind === undefined) {
        // Enumerable additions to Object.prototype are not the caller's.
        if (!Object.hasOwn(given, name) && name in Object.prototype) continue;
        throw unknownOption(name, owner, this.names);
      }
      const value = given[name];
      if (value !== undefined) kind.check(value, name);
    }
  }

  /** An instance of a class may have getters, which are not enumerable; a Map, an array or a signal is no options object. */
  #checkInstance(given: Readonly<Record<string, unknown>>): void {
    if (Object.prototype.toString.call(given) !== '[object Object]' || isOfPackage(given)) throw this.#noOptions(given);
    for (const name of this.names) {
      if (given[name] !== undefined) (this.#fields[name] as Kind<unknown>).check(given[name], name);
    }
  }

  #noOptions(got: unknown): TypeError {
    return new TypeError(`Expected ${this.#expected}, got ${describe(got)}`);
  }
}

function unknownOption(name: string, owner: string, names: readonly string[]): TypeError {
  const near = nearest(name, names);
  const hint = advice[name] ?? (near === undefined ? '' : `Did you mean "${near}"? `);
  return new TypeError(`Unknown option "${name}" of ${owner}. ${hint}The options are ${names.join(', ')}`);
}
