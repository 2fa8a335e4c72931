/** The tasks of this thread that have arrived at one barrier and have not left it yet, through whichever of its objects. */
import { onReattach } from '../lifecycle/participant.js';
import { native } from '../native.js';
import type { Block } from '../shared/block.js';

/** One task that has arrived. */
export interface Pending {
  readonly arrival: number;
  /** The outcome of its round, if it was removed before its turn. */
  outcome: number | undefined;
}

const notYet = -1;
const known = new Map<string, Arrivals>();

export class Arrivals {
  readonly #key: string;
  readonly #pending = new Set<Pending>();
  #users = 0;

  private constructor(key: string) {
    this.#key = key;
  }

  /** Those at the barrier in the block. Every object that asks for them must {@link drop} them. */
  static of(block: Block): Arrivals {
    // With the generation: a freed block's place in its arena is used again.
    const key = `${block.segment.inode}:${block.body}:${block.generation}`;
    let arrivals = known.get(key);
    if (arrivals === undefined) {
      arrivals = new Arrivals(key);
      known.set(key, arrivals);
    }
    arrivals.#users++;
    return arrivals;
  }

  drop(): void {
    if (--this.#users === 0) known.delete(this.#key);
  }

  add(arrival: number): Pending {
    const pending: Pending = { arrival, outcome: undefined };
    this.#pending.add(pending);
    return pending;
  }

  remove(pending: Pending): void {
    this.#pending.delete(pending);
  }

  /** Lets those leave whose round has ended: their tasks learn it later. */
  settle({ segment, body, length }: Block): void {
    for (const pending of this.#pending) {
      if (pending.outcome !== undefined) continue;
      if (native.barrierOutcome(segment.id, body, length, pending.arrival) === notYet) continue;
      pending.outcome = native.barrierLeave(segment.id, body, length, pending.arrival);
    }
  }

  /** In the child of a fork: these tasks are the parent's. */
  forget(): void {
    this.#pending.clear();
  }
}

onReattach(() => {
  for (const arrivals of known.values()) arrivals.forget();
});
