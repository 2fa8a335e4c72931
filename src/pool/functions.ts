/** The functions that a pool's tasks call: each gets a number, and is described to a worker once. */
import { travellingTarget } from '../process/target.js';
import { serialize } from '../serialize/codec.js';

/** A function as tasks refer to it. */
export interface PoolFunction {
  readonly number: number;
  readonly name: string;
  /** What describes it, as long as a worker may not know it. */
  text: Uint8Array | undefined;
}

interface Entry extends PoolFunction {
  readonly bytes: Uint8Array;
  /** Rows whose worker started before the function was used, and has not run it yet. */
  readonly strangers: Set<number>;
}

export class PoolFunctions {
  readonly #entries = new Map<object, Entry>();
  /** Those that another process described. */
  readonly #described = new Map<string, Entry>();
  readonly #list: Entry[] = [];
  readonly #rows: () => Iterable<number>;

  /** @param rows those with a worker */
  constructor(rows: () => Iterable<number>) {
    this.#rows = rows;
  }

  /** @throws TypeError for what is neither a function nor the place of one, or cannot travel */
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

  /** The function that another process has described in these bytes: it is not loaded here. */
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

  /** For a worker that is about to start: it knows them all from then on. */
  all(): Uint8Array[] {
    return this.#list.map(({ bytes }) => bytes);
  }

  /** The worker in the row knows the function now. */
  met(row: number, fn: PoolFunction): void {
    const entry = fn as Entry;
    if (entry.text === undefined) return;
    entry.strangers.delete(row);
    if (entry.strangers.size === 0) entry.text = undefined;
  }

  /** The worker in the row has ended. */
  left(row: number): void {
    for (const entry of this.#list) this.met(row, entry);
  }
}
