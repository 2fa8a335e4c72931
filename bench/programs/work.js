// A calibrated piece of work that no compiler can leave out: a linear congruential generator for some steps.

export function work(steps, seed) {
  let x = seed | 0;
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

/** How many steps take about so many nanoseconds here. */
export function stepsFor(nanoseconds) {
  let best = Number.POSITIVE_INFINITY;
  let x = 1;
  for (let round = 0; round < 20; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 1000; i++) x = work(1000, x);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
  }
  return x === 0 ? 1 : Math.max(1, Math.round(nanoseconds / best));
}
