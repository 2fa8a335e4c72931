/**
 * Fairness of a thread that takes a lock or a permit again and again.
 *
 * A waiter that a release wakes needs some time until it runs. A thread that acquires again at once is there first,
 * each time. So releases at which others wait are counted: after a number of them in a row the thread yields.
 */
import { now } from '../deadline.js';

/**
 * Upper bound on releases in a row at which others waited, and on the time since the first of them: then it is the
 * others' turn.
 */
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
