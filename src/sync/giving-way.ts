/**
 * When a thread that takes a lock or a permit again and again has to let others have it.
 *
 * A sleeper that a release wakes needs some time until it runs. A thread that goes on at once is there first, and would be
 * first each time. So releases at which others wait are counted: after a row of them the thread gives way.
 */
import { now } from '../deadline.js';

/** So many releases in a row at which others waited, or the first one so long ago: then it is the others' turn. */
const maxInARow = 16;
const maxRowMs = 10;

export class GivingWay {
  #inARow = 0;
  #since = 0;

  /** Counts a release at which others wait. Whether the row is over: the caller gives way, and calls {@link reset}. */
  isDue(): boolean {
    if (this.#inARow++ === 0) {
      this.#since = now();
      return false;
    }
    return this.#inARow >= maxInARow || now() - this.#since >= maxRowMs;
  }

  /** Others have had it: a new row begins. */
  reset(): void {
    this.#inARow = 0;
  }
}
