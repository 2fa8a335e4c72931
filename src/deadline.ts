/** Conversion of `wait`, the last argument of a waiting call, to a deadline on the monotonic clock. */
import { boolean, milliseconds, nullable, signal } from './options/kinds.js';
import { OptionTable } from './options/table.js';
import { hrtime } from './timing.js';

/** The object form of the last argument of a waiting call. */
export interface WaitOptions {
  /** Milliseconds: a non-negative integer or `Infinity`; negative means 0. Absent or null: no limit. */
  timeout?: number | null | undefined;
  /** Ends the wait by rejecting with the signal's `reason`. Only for the forms that return a Promise. */
  signal?: AbortSignal | undefined;
  /** With `false` the pending wait does not keep the program alive. Default `true`. */
  ref?: boolean | undefined;
}

/**
 * The last argument of a waiting call: milliseconds, or an object; null means no limit, as Python's `None` does.
 * Python's time-outs are in seconds.
 */
export type Wait = number | WaitOptions | null | undefined;

/** The options of every wait, for tables that have further ones. */
export const waitFields = { timeout: nullable(milliseconds), signal, ref: boolean };

/** {@link WaitOptions}. */
export const waitOptions = new OptionTable<WaitOptions>(
  waitFields,
  '"wait" to be milliseconds or { timeout, signal, ref }',
);

/** A wait as the code below the edge sees it: no durations, only a deadline. */
export interface ParsedWait {
  /** Milliseconds on the clock of {@link now}; `Infinity` for no limit; 0 when the call must not wait at all. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  readonly ref: boolean;
}

/** No deadline, no signal. */
export const forEver: ParsedWait = Object.freeze({ deadline: Infinity, signal: undefined, ref: true });

/** Milliseconds on the system's monotonic clock (`CLOCK_MONOTONIC`), the same in every process of the machine. */
export function now(): number {
  const [seconds, nanoseconds] = hrtime();
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
 * @throws TypeError for anything but a number, an object of the known options, null or `undefined`, and for unknown options
 * @throws RangeError for a fraction (Python's seconds) or `NaN`
 */
export function parseWait(wait: Wait): ParsedWait {
  if (wait === undefined || wait === null) return forEver;
  if (typeof wait === 'number') {
    milliseconds.check(wait, 'timeout');
    return { deadline: deadlineAfter(wait), signal: undefined, ref: true };
  }
  waitOptions.check(wait, 'a wait');
  return readWait(wait);
}

/** Reads the options of a wait out of options that were checked already. */
export function readWait({ timeout, signal, ref = true }: WaitOptions): ParsedWait {
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
  if (timeout === Infinity) return Infinity;
  return timeout <= 0 ? 0 : now() + timeout;
}
