/**
 * A redo log of stores to shared memory that belong together: all of them happen, or none, though their writer is killed.
 *
 * The stores are noted, then the log is marked valid by one store, then they are made, then the mark is cleared. Under a
 * lock whose next owner knows that the last one died, {@link Journal.mend} makes the stores of a valid log again: each is
 * an absolute value, so making it twice is the same.
 *
 *     mark  0: nothing is under way    n: n stores are to be made    −n: the same, but only if a store elsewhere,
 *                                                                    which comes after the mark, has happened
 */

/** How many stores fit. */
const maxStores = 12;
/** Words that it takes. */
export const journalWords = 1 + 2 * maxStores;

export class Journal {
  readonly #words: Int32Array;
  /** Of the mark; the pairs of place and value follow. */
  readonly #at: number;
  readonly #store: (place: number, value: number) => void;
  #count = 0;

  /** @param store makes one store; it must refuse places that are none, as damaged memory may name any */
  constructor(words: Int32Array, at: number, store: (place: number, value: number) => void) {
    this.#words = words;
    this.#at = at;
    this.#store = store;
  }

  /** Forgets what an error left that was thrown between {@link note} and {@link commit}. */
  begin(): this {
    this.#count = 0;
    return this;
  }

  note(place: number, value: number): this {
    const i = this.#at + 1 + 2 * this.#count++;
    this.#words[i] = place;
    this.#words[i + 1] = value;
    return this;
  }

  /** Makes the stores. */
  commit(): void {
    Atomics.store(this.#words, this.#at, this.#count);
    this.#apply(this.#count);
  }

  /** Marks the stores as belonging to a store elsewhere, after which {@link fulfil} is due. */
  promise(): void {
    Atomics.store(this.#words, this.#at, -this.#count);
  }

  fulfil(): void {
    this.#apply(this.#count);
  }

  /** @param happened whether the store elsewhere has happened, if the log belongs to one */
  mend(happened: boolean): void {
    const mark = this.#words[this.#at] as number;
    if (mark > 0 || happened) this.#apply(Math.min(Math.abs(mark), maxStores));
    else Atomics.store(this.#words, this.#at, 0);
  }

  #apply(count: number): void {
    for (let i = this.#at + 1; i < this.#at + 1 + 2 * count; i += 2) {
      this.#store(this.#words[i] as number, this.#words[i + 1] as number);
    }
    Atomics.store(this.#words, this.#at, 0);
  }
}
