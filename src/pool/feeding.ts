/** Submission of a long series of tasks piece by piece, with regular turns for the event loop. */

import { setImmediate } from '../timing.js';
import { clock } from './clock.js';

/** Upper bound in ms on submission without a turn of the event loop. */
const longestFeed = 8;

export class Feeding {
  readonly #isWanted: () => boolean;
  readonly #feedOne: () => void;
  #continuing = false;

  /**
   * @param isWanted whether there is a piece, and room for it
   * @param feedOne submits one piece
   */
  constructor(isWanted: () => boolean, feedOne: () => void) {
    this.#isWanted = isWanted;
    this.#feedOne = feedOne;
  }

  /** Submits all wanted pieces, now or in the next turns. */
  run(): void {
    if (!this.#continuing) this.runNow();
  }

  /** Submits the pieces of one turn at once: for repeated calls of a caller that blocks the event loop. */
  runNow(): void {
    const until = clock() + longestFeed;
    while (this.#isWanted()) {
      if (clock() > until) {
        this.#continueLater();
        return;
      }
      this.#feedOne();
    }
  }

  #continueLater(): void {
    if (this.#continuing) return;
    this.#continuing = true;
    setImmediate(() => {
      this.#continuing = false;
      this.run();
    });
  }
}
