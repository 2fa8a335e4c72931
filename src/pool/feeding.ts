/** Giving a pool's workers piece after piece of something long, with a turn for the event loop now and then. */

import { setImmediate } from '../timing.js';
import { clock } from './clock.js';

/** How long pieces are given before the event loop gets a turn, in ms. */
const longestFeed = 8;

export class Feeding {
  readonly #isWanted: () => boolean;
  readonly #feedOne: () => void;
  #continuing = false;

  /**
   * @param isWanted whether there is a piece, and room for it
   * @param feedOne gives one
   */
  constructor(isWanted: () => boolean, feedOne: () => void) {
    this.#isWanted = isWanted;
    this.#feedOne = feedOne;
  }

  /** Gives all that is wanted, now or in the next turns. */
  run(): void {
    if (!this.#continuing) this.runNow();
  }

  /** Gives what it would give in a turn, without one: for those who block the event loop, again and again. */
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
