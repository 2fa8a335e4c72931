/**
 * The machine's clocks and timers, as they are when this package loads; the only file that takes them from Node.
 *
 * Tests replace the global ones by fakes (sinon, vitest, Jest), whose time stands still. A wait for another process
 * must not stand still with them. Timers come from node:timers: some fakes are on the global object before this package
 * is loaded.
 */
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = timers;

const { hrtime: monotonic } = process;
const tick = process.nextTick;
const microtask = globalThis.queueMicrotask;
const performanceClock = performance;
const { now: sinceStart } = performance;

/** Measures how much of the time since an earlier call the event loop was busy. */
export const { eventLoopUtilization } = performance;
const RealDate = Date;

/** Seconds and nanoseconds on the system's monotonic clock. */
export function hrtime(): [number, number] {
  return monotonic();
}

/** Milliseconds since this process started, on the monotonic clock. */
export function performanceNow(): number {
  return sinceStart.call(performanceClock);
}

/** Milliseconds since 1970. */
export function wallClock(): number {
  return RealDate.now();
}

export function nextTick<A extends unknown[]>(callback: (...args: A) => void, ...args: A): void {
  tick.call(process, callback, ...args);
}

export function queueMicrotask(callback: () => void): void {
  microtask(callback);
}

/** @param ref - whether the pending sleep keeps the program alive */
export function sleep(ms: number, { ref = true } = {}): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    if (!ref) timer.unref();
  });
}
