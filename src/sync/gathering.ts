/** Tasks of this thread that wait for one moment of an object, and are all freed by it. */
import type { ParsedWait } from '../deadline.js';
import type { Block } from '../shared/block.js';
import { WaitQueue } from './wait-queue.js';

/** An acquisition reaches all waiters alike, so it is never returned. */
const surrender = () => {};

/** One queue, and so one native wait, for each moment that tasks wait for: nearly always there is one. */
export class Gathering {
  readonly #kind: number;
  readonly #block: Block;
  readonly #queues = new Map<number, WaitQueue>();

  constructor(kind: number, block: Block) {
    this.#kind = kind;
    this.#block = block;
  }

  /**
   * Waits for the moment that `argument` names.
   *
   * @returns the outcome of the native wait, or `missed`; rejects with the signal's reason
   */
  async wait(owner: object, wait: ParsedWait, argument: number): Promise<number> {
    let queue = this.#queues.get(argument);
    if (queue === undefined) {
      queue = new WaitQueue(this.#kind, this.#block, this.#block.length, surrender, argument);
      this.#queues.set(argument, queue);
    }
    try {
      return await queue.wait(owner, wait, false);
    } finally {
      if (queue.length === 0 && this.#queues.get(argument) === queue) {
        this.#queues.delete(argument);
        queue.dispose();
      }
    }
  }

  /** The object is closed: its waiting tasks fail. */
  close(owner: object, reason: unknown): void {
    for (const queue of this.#queues.values()) {
      queue.failAll(owner, reason);
      queue.dispose();
    }
    this.#queues.clear();
  }
}
