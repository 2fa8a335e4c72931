/** What a managed list can do, over a plain array: Python's methods, and those of arrays. */

import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { withItems } from './iterable-arguments.js';
import { ManagedIterator } from './iterator.js';
import { checkCopied, checkUnfolded, sortByTexts, textOf } from './traversal-limits.js';

/** Of Array.prototype, as they are. */
const arrayMethods = `at unshift shift splice slice fill copyWithin includes indexOf lastIndexOf map
  filter find findIndex findLast findLastIndex some every reduce reduceRight flatMap toReversed toSpliced with`
  .trim()
  .split(/\s+/);

/** Characters of all separators in one text. */
const maxSeparators = 2 ** 26;

export class ListMethods {
  static readonly kind = 'list';
  readonly array: unknown[];

  constructor(array: unknown[]) {
    this.array = array;
    for (const name of arrayMethods) {
      const method = (array as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      if (method === undefined) continue;
      Object.defineProperty(this, name, {
        value: (...args: unknown[]) => nothingForSelf(method.apply(array, args), array),
        configurable: true,
      });
    }
  }

  append(item: unknown): void {
    this.array.push(item);
  }

  push(...items: unknown[]): number {
    for (const item of items) this.array.push(item);
    return this.array.length;
  }

  extend(items: Iterable<unknown>): Promise<void> | void {
    return withItems([items], (read) => {
      // First all of them: they may be this very list.
      const added = [...read];
      if (added.length > 0 && read !== items) checkCopied(this.array.length + added.length);
      for (const item of added) this.array.push(item);
    });
  }

  async forEach(fn: (item: unknown, index: number) => unknown): Promise<void> {
    for (let i = 0; i < this.array.length; i++) await fn(this.array[i], i);
  }

  insert(index: number, item: unknown): void {
    this.array.splice(index, 0, item);
  }

  /** Removes the first item that is equal. */
  remove(item: unknown): void {
    this.array.splice(this.index(item), 1);
  }

  /** @throws RangeError if it is not there, or the list is empty: Python's `IndexError` */
  pop(index = -1): unknown {
    if (this.array.length === 0) throw new RangeError('The list is empty');
    return this.array.splice(this.#place(index), 1)[0];
  }

  clear(): void {
    this.array.length = 0;
  }

  index(item: unknown, start = 0, stop = this.array.length): number {
    const found = this.array.indexOf(item, start);
    const end = stop < 0 ? stop + this.array.length : stop;
    if (found === -1 || found >= end) throw new ValueError('The list has no such item');
    return found;
  }

  count(item: unknown): number {
    return this.array.reduce<number>((count, each) => count + (each === item ? 1 : 0), 0);
  }

  /** Without a function numbers go by their size, as in Python, everything else as texts, as in arrays. */
  sort(compare?: (a: unknown, b: unknown) => number): void {
    const numeric = this.array.every((item) => typeof item === 'number' || typeof item === 'bigint');
    if (compare !== undefined || numeric || !Array.isArray(this.array)) {
      this.array.sort(compare ?? (numeric ? bySize : undefined));
    } else {
      sortByTexts(this.array);
    }
  }

  toSorted(compare?: (a: unknown, b: unknown) => number): unknown[] {
    const sorted = [...this.array];
    if (compare !== undefined) sorted.sort(compare);
    else sortByTexts(sorted);
    return sorted;
  }

  join(separator?: unknown): string {
    const between = separator === undefined ? ',' : textOf(separator);
    // Numbers and texts of typed arrays have a length that their bytes bound.
    if (Array.isArray(this.array)) checkUnfolded(this.array);
    if (between.length * this.array.length > maxSeparators) {
      throw new RangeError(
        `Expected separators of at most ${maxSeparators} characters in all, got ${this.array.length} of ${between.length}`,
      );
    }
    return this.array.join(between);
  }

  flat(depth: unknown = 1): unknown[] {
    const levels = Number(depth);
    checkUnfolded(this.array, levels);
    return this.array.flat(levels);
  }

  concat(...items: unknown[]): unknown[] {
    // An array that is given many times is copied as often.
    const given = new Set<unknown>();
    let repeated = 0;
    for (const item of items) {
      if (!Array.isArray(item)) continue;
      if (given.has(item)) repeated += item.length;
      given.add(item);
    }
    checkCopied(repeated);
    return this.array.concat(...items);
  }

  reverse(): void {
    this.array.reverse();
  }

  copy(): unknown[] {
    return [...this.array];
  }

  get(index: number): unknown {
    return this.array.at(index);
  }

  set(index: number, item: unknown): void {
    const place = index === this.array.length ? index : this.#place(index);
    this.array[place] = item;
  }

  /** Removes the item at the index, as Python's `del`. */
  delete(index: number): void {
    this.array.splice(this.#place(index), 1);
  }

  length(): number {
    return this.array.length;
  }

  keys(): number[] {
    return [...this.array.keys()];
  }

  values(): unknown[] {
    return [...this.array];
  }

  entries(): [number, unknown][] {
    return [...this.array.entries()];
  }

  iter(): ManagedIterator {
    return new ManagedIterator(this.array.values(), () => 0);
  }

  getValue(): unknown[] {
    return this.array;
  }

  #place(index: number): number {
    if (!Number.isSafeInteger(index)) throw new TypeError(`Expected "index" to be an integer, got ${describe(index)}`);
    const place = index < 0 ? index + this.array.length : index;
    if (place < 0 || place >= this.array.length) throw new RangeError(`The list has no index ${index}`);
    return place;
  }
}

function bySize(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

/** A method that returns its own object returns nothing to a client, instead of a copy of all of it. */
export function nothingForSelf(result: unknown, self: unknown): unknown {
  return result === self ? undefined : result;
}
