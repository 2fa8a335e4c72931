/** How the last argument of a waiting call, `wait`, becomes a deadline on the monotonic clock. */

/** The object form of the last argument of a waiting call. */
export interface WaitOptions {
  /** Milliseconds: a non-negative integer or `Infinity`; negative means 0. Absent or null: for ever. */
  timeout?: number | null | undefined;
  /** Ends the wait by rejecting with the signal's `reason`. Only for the forms that return a Promise. */
  signal?: AbortSignal | undefined;
  /** With `false` the pending wait does not keep the program alive. Default `true`. */
  ref?: boolean | undefined;
}

/**
 * The last argument of a waiting call: milliseconds, or an object; null is for ever, as Python's `None` is. Python's time-outs
 * are in seconds.
 */
export type Wait = number | WaitOptions | null | undefined;

/** A wait as the code below the edge sees it: no durations, only a deadline. */
export interface ParsedWait {
  /** Milliseconds on the clock of {@link now}; `Infinity` for ever; 0 when the wait must not wait at all. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  readonly ref: boolean;
}

/** No deadline, no signal. */
export const forEver: ParsedWait = Object.freeze({ deadline: Infinity, signal: undefined, ref: true });

/** Milliseconds on the system's monotonic clock (`CLOCK_MONOTONIC`), the same in every process of the machine. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Longer timers than this fire at once. */
const longestTimer = 2 ** 31 - 1;

/** For a timer that is to look again after `left` ms: it may fire before, when that is more than timers can count. */
export function timerMs(left: number): number {
  return Math.min(Math.max(Math.ceil(left), 1), longestTimer);
}

/**
 * Reads `wait` of a form that returns a Promise.
 *
 * Whether the signal has fired already is for the caller to look at.
 *
 * @throws TypeError for anything but a number, an object of the known options, null or `undefined`
 * @throws RangeError for a fraction (Python's seconds) or `NaN`
 */
export function parseWait(wait: Wait): ParsedWait {
  if (wait === undefined || wait === null) return forEver;
  if (typeof wait === 'number') return { deadline: deadlineAfter(wait), signal: undefined, ref: true };
  if (typeof wait !== 'object') {
    throw new TypeError(`Expected "wait" to be milliseconds or { timeout, signal, ref }, got ${typeof wait}`);
  }
  const { timeout, signal, ref = true } = wait;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('Expected "signal" to be an AbortSignal');
  }
  if (typeof ref !== 'boolean') throw new TypeError(`Expected "ref" to be a boolean, got ${typeof ref}`);
  return { deadline: timeout === undefined || timeout === null ? Infinity : deadlineAfter(timeout), signal, ref };
}

/**
 * Reads `wait` of a form that blocks the thread, and returns its deadline as in {@link ParsedWait}.
 *
 * @throws TypeError also for a `signal`: nothing can fire it while the thread is blocked
 */
export function parseSyncWait(wait: Wait): number {
  if (wait === undefined || wait === null) return Infinity;
  const { deadline, signal } = parseWait(wait);
  if (signal !== undefined) {
    throw new TypeError('A blocking wait cannot take a "signal": no signal fires while the thread is blocked');
  }
  return deadline;
}

function deadlineAfter(timeout: number): number {
  if (typeof timeout !== 'number') {
    throw new TypeError(`Expected "timeout" to be milliseconds, a number, got ${typeof timeout}`);
  }
  if (timeout === Infinity) return Infinity;
  if (timeout === -Infinity) return 0;
  if (!Number.isInteger(timeout)) {
    throw new RangeError(
      `Expected "timeout" to be a whole number of milliseconds, got ${timeout} (Python counts seconds)`,
    );
  }
  return timeout <= 0 ? 0 : now() + timeout;
}
