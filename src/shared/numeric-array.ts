/** Arrays of numbers in shared memory: typed arrays whose elements are shared, at a typed array's speed. */
import { markCopy } from '../identity/copies.js';
import { type Departure, depart } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { type Block, blockOf } from './block.js';
import { bindCells, type Cells, cellsOf } from './cells.js';
import type { Elements, ScalarType } from './types.js';

/** What every shared array has, whatever its elements are. */
export interface ArrayMembers {
  /** `undefined` for an anonymous array. */
  readonly name: string | undefined;
  /** Lets go of the array in this process: it has no elements from now on. Idempotent. */
  close(): void;
  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous array. */
  unlink(): void;
}

/** What an array with a lock has, too. */
export interface LockMembers {
  /**
   * The lock that was given to the constructor; else an RLock inside the array, the same one for all who have it. Mirrors
   * `get_lock`.
   *
   * @throws ValueError if the array was made with `lock: false`
   */
  getLock(): Lock | RLock;
}

type ArrayClass = new (cells: Cells) => Elements & ArrayMembers;
type Ordinary = typeof Uint8Array;

const raw = new Map<unknown, ArrayClass>();
const locked = new Map<unknown, ArrayClass>();

/** The array over the cells, of the class that belongs to their type. */
export function numericArray(cells: Cells): Elements & ArrayMembers {
  const classes = cells.raw ? raw : locked;
  const { elements } = cells.type;
  let arrayClass = classes.get(elements);
  if (arrayClass === undefined) {
    arrayClass = cells.raw ? sharedClass(elements) : lockedClass(sharedClass(elements));
    classes.set(elements, arrayClass);
  }
  return new arrayClass(cells);
}

/** A subclass of a typed array. Methods that make a new array make an ordinary one, whose elements are not shared. */
export function sharedClass(elements: ScalarType['elements']): ArrayClass {
  class RawArray extends (elements as Ordinary) implements ArrayMembers {
    constructor(cells: Cells) {
      super(cells.buffer);
      bindCells(this, cells);
    }

    static get [Symbol.species](): Ordinary {
      return elements as Ordinary;
    }

    get name(): string | undefined {
      return cellsOf(this).name;
    }

    close(): void {
      cellsOf(this).close();
    }

    unlink(): void {
      cellsOf(this).unlink();
    }

    [blockOf](): Block {
      return cellsOf(this).block;
    }

    [depart](): Departure {
      return cellsOf(this).depart();
    }
  }
  markCopy(RawArray.prototype);
  return RawArray as unknown as ArrayClass;
}

/** The same class with `getLock()`. */
export function lockedClass(base: ArrayClass): ArrayClass {
  class SharedArray extends (base as unknown as new (cells: Cells) => Uint8Array) implements LockMembers {
    getLock(): Lock | RLock {
      return cellsOf(this).getLock();
    }
  }
  return SharedArray as unknown as ArrayClass;
}
