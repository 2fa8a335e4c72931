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
  #acts: Deferred[] = [];
  #size = 0;

  get isEmpty(): boolean {
    return this.#acts.length === 0;
  }

  /** Bytes that all of them keep. */
  get size(): number {
    return this.#size;
  }

  add(act: Deferred): void {
    this.#acts.push(act);
    this.#size += act.size;
  }

  /** The oldest, which is the caller's now. */
  next(): Deferred | undefined {
    const act = this.#acts.shift();
    if (act !== undefined) this.#size -= act.size;
    return act;
  }

  /** False if there is no such call. */
  takeBack(number: number): boolean {
    const index = this.#acts.findIndex((act) => act.number === number);
    if (index === -1) return false;
    const [act] = this.#acts.splice(index, 1) as [Deferred];
    this.#size -= act.size;
    act.forgo();
    return true;
  }

  clear(): void {
    for (const act of this.#acts.splice(0)) act.forgo();
    this.#size = 0;
  }
}
