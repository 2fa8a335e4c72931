/** Arrays in shared memory whose elements are no plain numbers: each is converted when it is read or written. */

import { inspect } from 'node:util';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { describe } from '../options/describe.js';
import { type Departure, depart } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { type Block, blockOf } from './block.js';
import { bindCells, type Cells, cellsOf } from './cells.js';
import type { ArrayMembers } from './numeric-array.js';
import type { Elements } from './types.js';

/**
 * An array of booleans (`'?'`), code points (`'u'`), or 64-bit integers as numbers. `a[i]` converts; an index that does
 * not exist reads undefined, and writing there does nothing, as in a typed array.
 */
export interface ElementArray<R, W = R> extends ArrayMembers, Iterable<R> {
  [index: number]: R;
  /** How many elements it has. */
  readonly length: number;
  /** The element; negative indices count from the end. */
  at(index: number): R | undefined;
  /** Stores values from `offset` on. `RangeError` if they do not fit. */
  set(values: Iterable<W>, offset?: number): void;
  /** Stores the value in all elements from `start` up to `end`. */
  fill(value: W, start?: number, end?: number): this;
  /** A copy of the elements from `start` up to `end`, an ordinary array. */
  slice(start?: number, end?: number): R[];
  /** The elements, read as they come. */
  [Symbol.iterator](): IterableIterator<R>;
}

/** What an array of code points has, too. */
export interface TextMembers {
  /** The text up to the first `'\0'`. Assigning stores text, and a `'\0'` if there is room; `ValueError` if it is longer. */
  value: string;
}

/** The array over the cells, of the class that belongs to their type. */
export function elementArray(cells: Cells): ElementArray<unknown> {
  const text = cells.type.code === 'u';
  if (cells.raw) return new (text ? TextArray : ConvertedArray)(cells);
  return new (text ? LockedTextArray : LockedArray)(cells);
}

/** Only the index of an element is a property key like this. */
const indexPattern = /^(?:0|[1-9]\d*)$/;

let readAt: (array: ConvertedArray, index: number) => unknown;
let writeAt: (array: ConvertedArray, index: number, value: unknown) => void;

class ConvertedArray implements ElementArray<unknown> {
  [index: number]: unknown;
  readonly #cells: Cells;
  readonly #view: Elements;

  static {
    readAt = (array, index) => array.#read(index);
    writeAt = (array, index, value) => array.#write(index, value);
  }

  constructor(cells: Cells) {
    refuseClones(this);
    this.#cells = cells;
    this.#view = new cells.type.elements(cells.buffer);
    bindCells(this, cells);
  }

  get length(): number {
    return this.#view.length;
  }

  get name(): string | undefined {
    return this.#cells.name;
  }

  at(index: number): unknown {
    this.#cells.checkOpen();
    const whole = Math.trunc(index) || 0;
    return this.#read(whole < 0 ? whole + this.length : whole);
  }

  set(values: Iterable<unknown>, offset = 0): void {
    const raw = Array.from(values, this.#cells.type.encode);
    this.#open.set(raw as never, offset);
  }

  fill(value: unknown, start?: number, end?: number): this {
    this.#open.fill(this.#cells.type.encode(value) as never, start, end);
    return this;
  }

  slice(start?: number, end?: number): unknown[] {
    return Array.from(this.#open.subarray(start, end) as Iterable<number | bigint>, this.#cells.type.decode);
  }

  [Symbol.iterator](): IterableIterator<unknown> {
    this.#cells.checkOpen();
    return this.#values();
  }

  *#values(): IterableIterator<unknown> {
    for (let i = 0; i < this.#view.length; i++) yield this.#read(i);
  }

  close(): void {
    this.#cells.close();
  }

  unlink(): void {
    this.#cells.unlink();
  }

  [blockOf](): Block {
    return this.#cells.block;
  }

  [depart](): Departure {
    return this.#cells.depart();
  }

  [inspect.custom](): unknown[] {
    return [...this.#values()];
  }

  get #open(): Elements {
    this.#cells.checkOpen();
    return this.#view;
  }

  #read(index: number): unknown {
    const raw = this.#view[index];
    return raw === undefined ? undefined : this.#cells.type.decode(raw);
  }

  #write(index: number, value: unknown): void {
    const raw = this.#cells.type.encode(value);
    if (index < this.#view.length) this.#view[index] = raw as never;
  }
}
isNoData(ConvertedArray);

// The objects themselves have no property with an index, so each access to one arrives behind the methods. A proxy there
// leaves the objects what they are: private fields work, and so does whatever a message's reader is given.
Object.setPrototypeOf(
  ConvertedArray.prototype,
  new Proxy(
    {},
    {
      get(target, key, receiver) {
        if (typeof key === 'string' && indexPattern.test(key)) return readAt(receiver, Number(key));
        return Reflect.get(target, key, receiver);
      },
      set(target, key, value, receiver) {
        if (typeof key !== 'string' || !indexPattern.test(key)) return Reflect.set(target, key, value, receiver);
        writeAt(receiver, Number(key), value);
        return true;
      },
    },
  ),
);

class TextArray extends ConvertedArray implements TextMembers {
  get value(): string {
    const points = this.slice();
    const end = points.indexOf('\0');
    return points.slice(0, end === -1 ? points.length : end).join('');
  }

  set value(text: string) {
    if (typeof text !== 'string') throw new TypeError(`Expected a string, got ${describe(text)}`);
    const points = [...text];
    const { length } = cellsOf(this);
    cellsOf(this).checkOpen();
    if (points.length > length) {
      throw new ValueError(`Expected at most ${length} code points, the length of the array, got ${points.length}`);
    }
    this.set(points.length < length ? [...points, '\0'] : points);
  }
}

class LockedArray extends ConvertedArray {
  getLock(): Lock | RLock {
    return cellsOf(this).getLock();
  }
}

class LockedTextArray extends TextArray {
  getLock(): Lock | RLock {
    return cellsOf(this).getLock();
  }
}

// What is seen when they are inspected.
for (const arrayClass of [ConvertedArray, TextArray]) Object.defineProperty(arrayClass, 'name', { value: 'RawArray' });
for (const arrayClass of [LockedArray, LockedTextArray]) {
  Object.defineProperty(arrayClass, 'name', { value: 'SharedArray' });
}
