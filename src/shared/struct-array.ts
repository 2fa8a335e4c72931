/** Arrays of structs in shared memory: each element is a window on its struct. */
import { inspect } from 'node:util';
import { type Departure, depart } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { bindCells, type Cells, cellsOf } from './cells.js';
import type { ArrayMembers } from './numeric-array.js';
import { assign, type Fields, type FieldTypes, type InstanceClass, type Views, type WrittenFields } from './struct.js';

/**
 * An array of structs. `a[i]`, `at` and iteration give live elements: reading a field reads the shared memory. The first
 * `a[i]` makes all the windows, about 50 bytes each, and keeps them; `at` and iteration make one each time. An index that
 * does not exist reads undefined. An element is not replaced but changed: `a[i].x = …`, `set`.
 */
export interface StructArray<F extends FieldTypes> extends ArrayMembers, Iterable<Fields<F>> {
  readonly [index: number]: Fields<F>;
  readonly length: number;
  /** The element; negative indices count from the end. */
  at(index: number): Fields<F> | undefined;
  /** Stores structs from `offset` on. `RangeError` if they do not fit. */
  set(values: Iterable<WrittenFields<F>>, offset?: number): void;
  [Symbol.iterator](): IterableIterator<Fields<F>>;
}

export function structArray(cells: Cells): object {
  return cells.raw ? new LiveArray(cells) : new LockedLiveArray(cells);
}

/** With more elements than this, each `a[i]` makes its own. */
const mostKept = 4 * 1024 * 1024;

const indexPattern = /^(?:0|[1-9]\d*)$/;

let elementAt: (array: LiveArray, index: number) => object | undefined;

class LiveArray implements ArrayMembers {
  readonly [index: number]: object;
  readonly #cells: Cells;
  readonly #views: Views;
  readonly #struct: InstanceClass;
  readonly #size: number;

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
    const { views, struct, size } = cells.structs as NonNullable<Cells['structs']>;
    this.#views = views;
    this.#struct = struct;
    this.#size = size;
    bindCells(this, cells);
  }

  get length(): number {
    return this.#views.B.length / this.#size;
  }

  get name(): string | undefined {
    return this.#cells.name;
  }

  at(index: number): object | undefined {
    const { length } = this;
    const whole = Math.trunc(index) || 0;
    const place = whole < 0 ? whole + length : whole;
    return place >= 0 && place < length ? new this.#struct(this.#views, place * this.#size) : undefined;
  }

  set(values: Iterable<unknown>, offset = 0): void {
    this.#cells.checkOpen();
    const all = [...values];
    if (!Number.isInteger(offset) || offset < 0 || offset + all.length > this.length) {
      throw new RangeError(`Expected at most ${this.length} structs, the length of the array`);
    }
    for (const [i, value] of all.entries()) assign(this.at(offset + i) as object, value);
  }

  *[Symbol.iterator](): IterableIterator<object> {
    for (let i = 0; i < this.length; i++) yield this.at(i) as object;
  }

  close(): void {
    this.#cells.close();
  }

  unlink(): void {
    this.#cells.unlink();
  }

  [depart](): Departure {
    return this.#cells.depart();
  }

  [inspect.custom](): unknown[] {
    return [...this];
  }

  /** Makes all elements own properties, as fast as those of an ordinary array. */
  #keepAll(): void {
    const prototype = Object.getPrototypeOf(this);
    const { length } = this;
    const elements = this as Record<number, object>;
    // Stores must not arrive at the proxy below, and single definitions would take V8 ten times as long.
    Object.setPrototypeOf(this, null);
    for (let i = 0; i < length; i++) elements[i] = new this.#struct(this.#views, i * this.#size);
    Object.setPrototypeOf(this, prototype);
    Object.freeze(this);
  }
}

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

class LockedLiveArray extends LiveArray {
  getLock(): Lock | RLock {
    return cellsOf(this).getLock();
  }
}

Object.defineProperty(LiveArray, 'name', { value: 'RawArray' });
Object.defineProperty(LockedLiveArray, 'name', { value: 'SharedArray' });
