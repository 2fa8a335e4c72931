/**
 * A pool's initializer as it travels to each worker. Its shared objects are released if the worker ends before it
 * decodes them.
 */
import { discard, serialize } from '../serialize/codec.js';

export class Initializers {
  readonly #call: readonly [initializer: unknown, args: unknown[]] | undefined;
  /** By row: bytes that a worker was given and may not have decoded. */
  readonly #given = new Map<number, Buffer>();

  constructor(initializer: object | undefined, args: Iterable<unknown>) {
    if (initializer !== undefined) this.#call = [initializer, [...args]];
  }

  /**
   * Returns the bytes for a worker that is about to start.
   *
   * @throws TypeError for values that cannot travel
   */
  give(row: number): Buffer | undefined {
    this.settle(row, false);
    if (this.#call === undefined) return undefined;
    const bytes = serialize(this.#call, 'initargs');
    this.#given.set(row, bytes);
    return bytes;
  }

  /** Called when the worker in the row has ended. `received`: it had begun to decode its bytes. */
  settle(row: number, received: boolean): void {
    const bytes = this.#given.get(row);
    this.#given.delete(row);
    if (bytes !== undefined && !received) discard(bytes);
  }
}
