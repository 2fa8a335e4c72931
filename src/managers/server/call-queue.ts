/** What a client asked for while it had as many calls as it may have: done in this order, as calls are answered. */

export interface Deferred {
  /** Of the call; 0: none that could be taken back. */
  readonly number: number;
  /** Bytes that it keeps. */
  readonly size: number;
  readonly start: () => void;
  /** It will not be started. */
  readonly forgo: () => void;
}

export class DeferredCalls {
  readonly #acts = new Set<Deferred>();
  readonly #byNumber = new Map<number, Deferred>();
  #size = 0;

  get isEmpty(): boolean {
    return this.#acts.size === 0;
  }

  /** Bytes that all of them keep. */
  get size(): number {
    return this.#size;
  }

  add(act: Deferred): void {
    this.#acts.add(act);
    if (act.number !== 0) this.#byNumber.set(act.number, act);
    this.#size += act.size;
  }

  /** Removes and returns the oldest; `undefined` if there is none. */
  next(): Deferred | undefined {
    const [act] = this.#acts;
    if (act !== undefined) this.#remove(act);
    return act;
  }

  /** False if there is no such call. */
  takeBack(number: number): boolean {
    const act = this.#byNumber.get(number);
    if (act === undefined) return false;
    this.#remove(act);
    act.forgo();
    return true;
  }

  clear(): void {
    for (const act of this.#acts) act.forgo();
    this.#acts.clear();
    this.#byNumber.clear();
    this.#size = 0;
  }

  #remove(act: Deferred): void {
    this.#acts.delete(act);
    // A client may give two calls one number.
    if (this.#byNumber.get(act.number) === act) this.#byNumber.delete(act.number);
    this.#size -= act.size;
  }
}
