/** Arrays of structs in shared memory: each element is a window on its struct. */

import { inspect } from 'node:util';
import { compileFunction } from 'node:vm';
import { markCopy } from '../identity/copies.js';
import { describe } from '../options/describe.js';
import { type Departure, depart } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { type Block, blockOf } from './block.js';
import { bindCells, type Cells, cellsOf } from './cells.js';
import type { ArrayMembers } from './numeric-array.js';
import type { Fields, FieldTypes, WrittenFields } from './struct.js';
import { type InstanceClass, openerOf } from './struct-class.js';
import { assign } from './struct-copy.js';
import type { StructLayout } from './struct-layout.js';

/**
 * An array of structs. `at`, iteration and `a[i]` give live elements: reading a field reads the shared memory. `at` and
 * iteration make a window each time, which costs nothing where the compiler sees that it does not stay: `a.at(i).x += 1`
 * runs at the speed of a typed array. The first `a[i]` makes all the windows, about 50 bytes each, and keeps them. An index
 * that does not exist reads undefined there. An element is not replaced but changed: `a[i].x = …`, `set`.
 */
export interface StructArray<F extends FieldTypes> extends ArrayMembers, Iterable<Fields<F>> {
  readonly [index: number]: Fields<F>;
  /** How many structs there are. */
  readonly length: number;
  /** The memory of all elements, as typed arrays have it: `new Float64Array(a.buffer)` sees every double. */
  readonly buffer: ArrayBuffer;
  /** The element; negative indices count from the end. `RangeError` if there is none, as Python's `IndexError`. */
  at(index: number): Fields<F>;
  /** Stores structs from `offset` on. `RangeError` if they do not fit. */
  set(values: Iterable<WrittenFields<F>>, offset?: number): void;
  /** The elements, live: writing their fields writes shared memory. */
  [Symbol.iterator](): IterableIterator<Fields<F>>;
}

export function structArray(cells: Cells): object {
  const { struct, layout } = cells.structs as NonNullable<Cells['structs']>;
  let classes = made.get(struct);
  if (classes === undefined) {
    classes = classesFor(struct, layout);
    made.set(struct, classes);
  }
  return new classes[cells.raw ? 'raw' : 'locked'](cells);
}

type Classes = Readonly<Record<'raw' | 'locked', new (cells: Cells) => LiveArray>>;

const made = new WeakMap<InstanceClass, Classes>();

/** With more elements than this, each `a[i]` makes its own. */
const mostKept = 4 * 1024 * 1024;

const indexPattern = /^(?:0|[1-9]\d*)$/;

let elementAt: (array: LiveArray, index: number) => object | undefined;

abstract class LiveArray implements ArrayMembers {
  readonly [index: number]: object;
  readonly #cells: Cells;

  static {
    elementAt = (array, index) => {
      if (index >= array.length) return undefined;
      if (array.length > mostKept) return array.at(index);
      array.#keepAll();
      return array[index];
    };
  }

  constructor(cells: Cells) {
    this.#cells = cells;
    bindCells(this, cells);
  }

  abstract at(index: number): object;
  abstract [Symbol.iterator](): IterableIterator<object>;

  get length(): number {
    return this.#cells.closed ? 0 : this.#cells.length;
  }

  get buffer(): ArrayBuffer {
    return this.#cells.buffer;
  }

  get name(): string | undefined {
    return this.#cells.name;
  }

  set(values: Iterable<unknown>, offset = 0): void {
    this.#cells.checkOpen();
    const all = [...values];
    if (!Number.isInteger(offset) || offset < 0 || offset + all.length > this.length) {
      throw new RangeError(`Expected at most ${this.length} structs, the length of the array`);
    }
    for (const [i, value] of all.entries()) assign(this.at(offset + i), value);
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
    return this.#cells.closed ? [] : [...this];
  }

  /**
   * Makes all elements own properties, as fast as those of an ordinary array; frozen, as `a[i] = …` would otherwise be
   * lost without an error, although V8 reads frozen elements some nanoseconds slower.
   */
  #keepAll(): void {
    const prototype = Object.getPrototypeOf(this);
    const { length } = this;
    const elements = this as Record<number, object>;
    const all = [...this];
    // Stores must not arrive at the proxy below, and single definitions would take V8 ten times as long.
    Object.setPrototypeOf(this, null);
    for (let i = 0; i < length; i++) elements[i] = all[i] as object;
    Object.setPrototypeOf(this, prototype);
    Object.freeze(this);
  }
}
markCopy(LiveArray.prototype);

// As for arrays whose elements are converted: indices that are no own property arrive behind the methods.
Object.setPrototypeOf(
  LiveArray.prototype,
  new Proxy(
    {},
    {
      get(target, key, receiver) {
        if (typeof key === 'string' && indexPattern.test(key)) return elementAt(receiver, Number(key));
        return Reflect.get(target, key, receiver);
      },
      set(target, key, value, receiver) {
        if (typeof key !== 'string' || !indexPattern.test(key)) return Reflect.set(target, key, value, receiver);
        throw new TypeError('An element of an array of structs is not replaced: assign its fields, or use set()');
      },
    },
  ),
);

/**
 * The classes for arrays of one struct, without and with a lock. As with structs, the source of `at` and of iteration is
 * one of their own: so they become part of the user's loop, and the windows they make are never allocated there.
 */
function classesFor(struct: InstanceClass, { size, alignment }: StructLayout): Classes {
  const given = { LiveArray, iteratorMethods, outside, open: openerOf(struct), getLock };
  const source = `
    class RawArray extends LiveArray {
      #views;
      #length;
      constructor(cells) {
        super(cells);
        this.#views = cells.structs.views;
        this.#length = cells.length;
      }
      at(index) {
        const place = index < 0 ? index + this.#length : index;
        if (!(place >= 0 && place < this.#length && Math.floor(place) === place)) throw outside(index, this.#length);
        return open(this.#views, place * ${size / alignment});
      }
      [Symbol.iterator]() {
        return new Elements(this.#views.opened(), this.length);
      }
    }
    class SharedArray extends RawArray {
      getLock() {
        return getLock(this);
      }
    }
    class Elements {
      #views;
      #length;
      #next = 0;
      constructor(views, length) {
        this.#views = views;
        this.#length = length;
      }
      next() {
        const place = this.#next;
        if (place >= this.#length) return { value: undefined, done: true };
        this.#next = place + 1;
        return { value: open(this.#views, place * ${size / alignment}), done: false };
      }
    }
    Object.setPrototypeOf(Elements.prototype, iteratorMethods);
    return { raw: RawArray, locked: SharedArray };`;
  return compileFunction(source, Object.keys(given), { filename: 'multiproc:struct-array' })(...Object.values(given));
}

/** What every iterator has, `[Symbol.iterator]` for one; Node 20 has no `Iterator` to extend. */
const iteratorMethods = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

function outside(index: unknown, length: number): Error {
  if (typeof index !== 'number') return new TypeError(`Expected "index" to be a number, got ${describe(index)}`);
  return new RangeError(`Expected "index" to be an integer from ${-length} to ${length - 1}, got ${index}`);
}

function getLock(array: object): Lock | RLock {
  return cellsOf(array).getLock();
}
