/** A pool's initializer as it travels to each worker. What it keeps is let go if the worker ends before it has looked. */
import { discard, serialize } from '../serialize/codec.js';

export class Initializers {
  readonly #call: readonly [initializer: unknown, args: unknown[]] | undefined;
  /** By row: what a worker was given and may not have begun to make. */
  readonly #given = new Map<number, Buffer>();

  constructor(initializer: object | undefined, args: Iterable<unknown>) {
    if (initializer !== undefined) this.#call = [initializer, [...args]];
  }

  /**
   * For a worker that is about to start.
   *
   * @throws TypeError for what cannot travel
   */
  give(row: number): Buffer | undefined {
    this.settle(row, false);
    if (this.#call === undefined) return undefined;
    const bytes = serialize(this.#call, 'initargs');
    this.#given.set(row, bytes);
    return bytes;
  }

  /** The worker in the row has ended. `received`: it had begun to make what it was given. */
  settle(row: number, received: boolean): void {
    const bytes = this.#given.get(row);
    this.#given.delete(row);
    if (bytes !== undefined && !received) discard(bytes);
  }
}
