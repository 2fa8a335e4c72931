// How the JavaScript contestants time a short operation and report: nanoseconds per iteration, the median of batches.
import { median } from '../harness/statistics.js';

/** `batch(n)` does the operation n times. It is run until it is compiled before anything counts. */
export function nanoseconds(batch, { iterations = 200_000, batches = 15 } = {}) {
  const times = [];
  for (let index = -10; index < batches; index++) {
    const start = process.hrtime.bigint();
    batch(iterations);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (index >= 0) times.push(elapsed / iterations);
  }
  return median(times);
}

/** The same for a batch that is asynchronous. */
export async function nanosecondsAsync(batch, { iterations = 100_000, batches = 15 } = {}) {
  const times = [];
  for (let index = -10; index < batches; index++) {
    const start = process.hrtime.bigint();
    await batch(iterations);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (index >= 0) times.push(elapsed / iterations);
  }
  return median(times);
}

export function report(figures) {
  console.log(JSON.stringify(figures));
}
