/** The machine's monotonic clock in ms, the same in all processes: `now` of deadline.ts at less than half the cost. */
import { now } from '../deadline.js';
import { performanceNow } from '../timing.js';

/** Offset between the two clocks. An interruption between the two reads makes it too small. */
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
