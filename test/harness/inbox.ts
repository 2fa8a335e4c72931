/** Values that arrive before or after somebody asks for them, in order, until an end that carries the reason. */
export class Inbox<T> {
  readonly #values: T[] = [];
  readonly #takers: { resolve(value: T): void; reject(reason: Error): void }[] = [];
  #reason: Error | undefined;

  put(value: T): void {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(value);
    else this.#values.push(value);
  }

  /** The oldest value; rejects when the end came first. */
  take(): Promise<T> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift() as T);
    if (this.#reason) return Promise.reject(this.#reason);
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  end(reason: Error): void {
    this.#reason = reason;
    for (const taker of this.#takers.splice(0)) taker.reject(reason);
  }
}
