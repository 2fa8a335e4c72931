/** The machine's monotonic clock, in ms, the same in all processes: as `now` in deadline.ts, at less than half the price. */
import { now } from '../deadline.js';
import { performanceNow } from '../timing.js';

/** From one clock to the other: whoever is interrupted between the two looks gets too little. */
function measure(): number {
  let most = -Infinity;
  for (let i = 0; i < 5; i++) most = Math.max(most, now() - performanceNow());
  return most;
}

let offset: number | undefined;

export function clock(): number {
  offset ??= measure();
  return performanceNow() + offset;
}
