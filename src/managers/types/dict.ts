/** What a managed dict can do, over a Map or a plain object: Python's methods, and those of Maps. */

import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { withEntries } from './iterable-arguments.js';
import { ManagedIterator } from './iterator.js';
import { textOf } from './traversal-limits.js';

type Content = Iterable<readonly [unknown, unknown]> | Readonly<Record<string, unknown>> | null | undefined;

/** Where the entries are. */
interface Entries {
  readonly size: number;
  get(key: unknown): unknown;
  set(key: unknown, value: unknown): unknown;
  has(key: unknown): boolean;
  delete(key: unknown): boolean;
  clear(): void;
  keys(): IterableIterator<unknown>;
  values(): IterableIterator<unknown>;
  entries(): IterableIterator<[unknown, unknown]>;
  /** The key that came last. */
  lastKey(): unknown;
  copy(): unknown;
}

export class DictMethods {
  static readonly kind = 'dict';
  readonly #entries: Entries;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  get(key: unknown, fallback?: unknown): unknown {
    const value = this.#entries.get(key);
    return value === undefined && !this.#entries.has(key) ? fallback : value;
  }

  set(key: unknown, value: unknown): void {
    this.#entries.set(key, value);
  }

  has(key: unknown): boolean {
    return this.#entries.has(key);
  }

  delete(key: unknown): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  size(): number {
    return this.#entries.size;
  }

  keys(): unknown[] {
    return [...this.#entries.keys()];
  }

  values(): unknown[] {
    return [...this.#entries.values()];
  }

  entries(): [unknown, unknown][] {
    return [...this.#entries.entries()];
  }

  items(): [unknown, unknown][] {
    return this.entries();
  }

  async forEach(fn: (value: unknown, key: unknown) => unknown): Promise<void> {
    for (const [key, value] of this.entries()) await fn(value, key);
  }

  /** @throws ValueError for a missing key, unless there is a fallback */
  pop(key: unknown, ...fallback: unknown[]): unknown {
    if (!this.#entries.has(key)) {
      if (fallback.length > 0) return fallback[0];
      throw new ValueError(`The dict has no key ${textOf(key)}`);
    }
    const value = this.#entries.get(key);
    this.#entries.delete(key);
    return value;
  }

  /** Removes the entry that came last. */
  popItem(): [unknown, unknown] {
    if (this.#entries.size === 0) throw new ValueError('The dict is empty');
    const key = this.#entries.lastKey();
    const value = this.#entries.get(key);
    this.#entries.delete(key);
    return [key, value];
  }

  /** The value of the key, which gets this one if it has none. */
  setDefault(key: unknown, value: unknown = null): unknown {
    if (!this.#entries.has(key)) this.#entries.set(key, value);
    return this.#entries.get(key);
  }

  /** Python writes these two as one word. */
  popitem(): [unknown, unknown] {
    return this.popItem();
  }

  setdefault(key: unknown, value: unknown = null): unknown {
    return this.setDefault(key, value);
  }

  update(...contents: Content[]): Promise<void> | void {
    return withEntries(contents, (...read) => {
      for (const content of read) for (const [key, value] of pairsOf(content)) this.#entries.set(key, value);
    });
  }

  copy(): unknown {
    return this.#entries.copy();
  }

  iter(): ManagedIterator {
    return new ManagedIterator(this.#entries.keys(), () => this.#entries.size);
  }

  getValue(): unknown {
    return this.#entries.copy();
  }
}

/** A Map that was registered: a copy of it is a Map. */
export function overMap(map: Map<unknown, unknown>): DictMethods {
  return new DictMethods(Object.assign(new MapEntries(map), { copy: () => map }));
}

/** What `manager.dict()` makes: a copy of it is a plain object if all keys are strings, as they were in Python's example. */
export function newDict(content?: Content): DictMethods | Promise<DictMethods> {
  return withEntries([content], (read) => new DictMethods(new MapEntries(new Map(pairsOf(read)))));
}

/** A plain object that was registered. */
export function overObject(object: Record<string, unknown>): DictMethods {
  return new DictMethods(new ObjectEntries(object));
}

/** Keys that are gone may stay in the order of a small dict. */
const minOrder = 64;

class MapEntries implements Entries {
  readonly #map: Map<unknown, unknown>;
  /** Keys in their order, from the first `lastKey` on: a Map has no way back. A key that is in it twice counts where it is last. */
  #order: unknown[] | undefined;

  constructor(map: Map<unknown, unknown>) {
    this.#map = map;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: unknown): unknown {
    return this.#map.get(key);
  }

  set(key: unknown, value: unknown): void {
    if (this.#order !== undefined && !this.#map.has(key)) {
      if (this.#order.length > 2 * this.#map.size + minOrder) this.#order = undefined;
      else this.#order.push(key);
    }
    this.#map.set(key, value);
  }

  lastKey(): unknown {
    this.#order ??= [...this.#map.keys()];
    const order = this.#order;
    while (order.length > 0 && !this.#map.has(order.at(-1))) order.pop();
    return order.at(-1);
  }

  has(key: unknown): boolean {
    return this.#map.has(key);
  }

  delete(key: unknown): boolean {
    return this.#map.delete(key);
  }

  clear(): void {
    this.#order = undefined;
    this.#map.clear();
  }

  keys(): IterableIterator<unknown> {
    return this.#map.keys();
  }

  values(): IterableIterator<unknown> {
    return this.#map.values();
  }

  entries(): IterableIterator<[unknown, unknown]> {
    return this.#map.entries();
  }

  copy(): unknown {
    for (const key of this.#map.keys()) if (typeof key !== 'string') return this.#map;
    // Not by assignment: a key may be called __proto__.
    return Object.fromEntries(this.#map);
  }
}

class ObjectEntries implements Entries {
  readonly #object: Record<string, unknown>;

  constructor(object: Record<string, unknown>) {
    this.#object = object;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  get(key: unknown): unknown {
    return this.has(key) ? this.#object[textOf(key)] : undefined;
  }

  set(key: unknown, value: unknown): void {
    const properties = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(this.#object, textOf(key), properties);
  }

  has(key: unknown): boolean {
    return Object.hasOwn(this.#object, textOf(key));
  }

  delete(key: unknown): boolean {
    return this.has(key) && Reflect.deleteProperty(this.#object, textOf(key));
  }

  clear(): void {
    for (const key of Object.keys(this.#object)) delete this.#object[key];
  }

  keys(): IterableIterator<unknown> {
    return Object.keys(this.#object).values();
  }

  values(): IterableIterator<unknown> {
    return Object.values(this.#object).values();
  }

  entries(): IterableIterator<[unknown, unknown]> {
    return Object.entries(this.#object).values();
  }

  lastKey(): unknown {
    return Object.keys(this.#object).at(-1);
  }

  copy(): unknown {
    return this.#object;
  }
}

function pairsOf(content: Content): Iterable<readonly [unknown, unknown]> {
  if (content === undefined || content === null) return [];
  if (typeof content !== 'object') throw new TypeError(`Expected a Map, an object or pairs, got ${describe(content)}`);
  return Symbol.iterator in content ? (content as Iterable<readonly [unknown, unknown]>) : Object.entries(content);
}
