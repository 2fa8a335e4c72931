/** The functions that a pool's tasks call: each has a number, and is described to a worker once. */
import { travellingTarget } from '../process/target.js';
import { serialize } from '../serialize/codec.js';

/** A function as tasks refer to it. */
export interface PoolFunction {
  readonly number: number;
  readonly name: string;
  /** Its description, as long as a worker may lack it. */
  text: Uint8Array | undefined;
}

interface Entry extends PoolFunction {
  readonly bytes: Uint8Array;
  /** Rows whose worker started before the first use of the function and has not run it yet. */
  readonly strangers: Set<number>;
}

export class PoolFunctions {
  readonly #entries = new Map<object, Entry>();
  /** Functions that another process described. */
  readonly #described = new Map<string, Entry>();
  readonly #list: Entry[] = [];
  readonly #rows: () => Iterable<number>;

  /** @param rows returns the rows with a worker */
  constructor(rows: () => Iterable<number>) {
    this.#rows = rows;
  }

  /** @throws TypeError unless it is a function or names one, and can travel */
  of(target: unknown): PoolFunction {
    let known = this.#entries.get(target as object);
    if (known !== undefined) return known;
    const fn = travellingTarget(target, 'fn');
    known = this.#entries.get(fn);
    if (known !== undefined) return known;
    const entry = this.#add(serialize(fn, 'fn'), fn.name);
    this.#entries.set(fn, entry);
    return entry;
  }

  /** Registers a function from another process's description, without loading it here. */
  described(bytes: Buffer, name: string): PoolFunction {
    const key = bytes.toString('latin1');
    let entry = this.#described.get(key);
    if (entry === undefined) {
      entry = this.#add(bytes, name);
      this.#described.set(key, entry);
    }
    return entry;
  }

  #add(bytes: Uint8Array, name: string): Entry {
    const strangers = new Set(this.#rows());
    const text = strangers.size > 0 ? bytes : undefined;
    const entry = { number: this.#list.length, name, text, bytes, strangers };
    this.#list.push(entry);
    return entry;
  }

  /** Returns all descriptions for a worker that is about to start, and marks them as sent to it. */
  all(): Uint8Array[] {
    return this.#list.map(({ bytes }) => bytes);
  }

  /** Notes that the worker in the row has the function. */
  met(row: number, fn: PoolFunction): void {
    const entry = fn as Entry;
    if (entry.text === undefined) return;
    entry.strangers.delete(row);
    if (entry.strangers.size === 0) entry.text = undefined;
  }

  /** Notes that the worker in the row has ended. */
  left(row: number): void {
    for (const entry of this.#list) this.met(row, entry);
  }
}
