/** What a managed set can do, over a Set: Python's methods, and those of Sets. */
import { ValueError } from '../../errors.js';
import { ManagedIterator } from './iterator.js';

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

  update(...others: Iterable<unknown>[]): void {
    for (const other of others) for (const item of other) this.#set.add(item);
  }

  copy(): Set<unknown> {
    return this.#set;
  }

  union(...others: Iterable<unknown>[]): Set<unknown> {
    return new Set([this.#set, ...others].flatMap((each) => [...each]));
  }

  intersection(...others: Iterable<unknown>[]): Set<unknown> {
    const sets = others.map((other) => new Set(other));
    return new Set([...this.#set].filter((item) => sets.every((set) => set.has(item))));
  }

  difference(...others: Iterable<unknown>[]): Set<unknown> {
    const all = new Set(others.flatMap((other) => [...other]));
    return new Set([...this.#set].filter((item) => !all.has(item)));
  }

  symmetricDifference(other: Iterable<unknown>): Set<unknown> {
    const set = new Set(other);
    return new Set([...this.difference(set), ...[...set].filter((item) => !this.#set.has(item))]);
  }

  isSubset(other: Iterable<unknown>): boolean {
    const set = new Set(other);
    return [...this.#set].every((item) => set.has(item));
  }

  isSuperset(other: Iterable<unknown>): boolean {
    return [...other].every((item) => this.#set.has(item));
  }

  isDisjoint(other: Iterable<unknown>): boolean {
    return ![...other].some((item) => this.#set.has(item));
  }

  /** Python writes these three as one word. */
  issubset(other: Iterable<unknown>): boolean {
    return this.isSubset(other);
  }

  issuperset(other: Iterable<unknown>): boolean {
    return this.isSuperset(other);
  }

  isdisjoint(other: Iterable<unknown>): boolean {
    return this.isDisjoint(other);
  }

  isSubsetOf(other: Iterable<unknown>): boolean {
    return this.isSubset(other);
  }

  isSupersetOf(other: Iterable<unknown>): boolean {
    return this.isSuperset(other);
  }

  isDisjointFrom(other: Iterable<unknown>): boolean {
    return this.isDisjoint(other);
  }

  iter(): ManagedIterator {
    return new ManagedIterator(this.#set.values(), () => this.#set.size);
  }

  getValue(): Set<unknown> {
    return this.#set;
  }
}
