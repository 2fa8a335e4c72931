/** What a managed set can do, over a Set: Python's methods, and those of Sets. */
import { ValueError } from '../../errors.js';
import { withItems } from './iterable-arguments.js';
import { ManagedIterator } from './iterator.js';

type Items = Iterable<unknown>;
type Later<T> = T | Promise<T>;

export class SetMethods {
  static readonly kind = 'set';
  readonly #set: Set<unknown>;

  constructor(set: Set<unknown>) {
    this.#set = set;
  }

  add(item: unknown): void {
    this.#set.add(item);
  }

  has(item: unknown): boolean {
    return this.#set.has(item);
  }

  delete(item: unknown): boolean {
    return this.#set.delete(item);
  }

  discard(item: unknown): void {
    this.#set.delete(item);
  }

  /** @throws ValueError if it is not there */
  remove(item: unknown): void {
    if (!this.#set.delete(item)) throw new ValueError('The set has no such item');
  }

  pop(): unknown {
    const first = this.#set.values().next();
    if (first.done === true) throw new ValueError('The set is empty');
    this.#set.delete(first.value);
    return first.value;
  }

  clear(): void {
    this.#set.clear();
  }

  size(): number {
    return this.#set.size;
  }

  keys(): unknown[] {
    return [...this.#set];
  }

  values(): unknown[] {
    return [...this.#set];
  }

  entries(): [unknown, unknown][] {
    return [...this.#set.entries()];
  }

  async forEach(fn: (item: unknown) => unknown): Promise<void> {
    for (const item of [...this.#set]) await fn(item);
  }

  update(...others: Items[]): Promise<void> | void {
    return withItems(others, (...read) => {
      for (const items of read) for (const item of [...items]) this.#set.add(item);
    });
  }

  copy(): Set<unknown> {
    return this.#set;
  }

  union(...others: Items[]): Later<Set<unknown>> {
    return withItems(others, (...read) => {
      const union = new Set(this.#set);
      for (const items of read) for (const item of items) union.add(item);
      return union;
    });
  }

  intersection(...others: Items[]): Later<Set<unknown>> {
    return withItems(others, (...read) => {
      const sets = read.map((items) => new Set(items));
      return new Set([...this.#set].filter((item) => sets.every((set) => set.has(item))));
    });
  }

  difference(...others: Items[]): Later<Set<unknown>> {
    return withItems(others, (...read) => {
      const difference = new Set(this.#set);
      for (const items of read) for (const item of [...items]) difference.delete(item);
      return difference;
    });
  }

  symmetricDifference(other: Items): Later<Set<unknown>> {
    return withItems([other], (items) => {
      const set = new Set(items);
      const left = [...this.#set].filter((item) => !set.has(item));
      return new Set([...left, ...[...set].filter((item) => !this.#set.has(item))]);
    });
  }

  isSubset(other: Items): Later<boolean> {
    return withItems([other], (items) => {
      const set = new Set(items);
      return [...this.#set].every((item) => set.has(item));
    });
  }

  isSuperset(other: Items): Later<boolean> {
    return withItems([other], (items) => [...items].every((item) => this.#set.has(item)));
  }

  isDisjoint(other: Items): Later<boolean> {
    return withItems([other], (items) => ![...items].some((item) => this.#set.has(item)));
  }

  /** Python writes these three as one word. */
  issubset(other: Items): Later<boolean> {
    return this.isSubset(other);
  }

  issuperset(other: Items): Later<boolean> {
    return this.isSuperset(other);
  }

  isdisjoint(other: Items): Later<boolean> {
    return this.isDisjoint(other);
  }

  isSubsetOf(other: Items): Later<boolean> {
    return this.isSubset(other);
  }

  isSupersetOf(other: Items): Later<boolean> {
    return this.isSuperset(other);
  }

  isDisjointFrom(other: Items): Later<boolean> {
    return this.isDisjoint(other);
  }

  iter(): ManagedIterator {
    return new ManagedIterator(this.#set.values(), () => this.#set.size);
  }

  getValue(): Set<unknown> {
    return this.#set;
  }
}
