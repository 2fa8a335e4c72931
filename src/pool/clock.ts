/** The machine's monotonic clock, in ms, the same in all processes: as `now` in deadline.ts, at less than half the price. */
import { now } from '../deadline.js';

/** From one clock to the other: whoever is interrupted between the two looks gets too little. */
function measure(): number {
  let most = -Infinity;
  for (let i = 0; i < 5; i++) most = Math.max(most, now() - performance.now());
  return most;
}

let offset: number | undefined;

export function clock(): number {
  offset ??= measure();
  return performance.now() + offset;
}
