// How much of a CPU a consumer takes that waits for ten seconds and finds nothing: `FORM`; `nothing` only lets time pass.
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'multiproc';
import { report } from './measure.js';

const ms = 10_000;
const queue = new Queue();
// Compiled, and its threads started.
queue.tryGet();
await queue.get(10).catch(() => {});
const before = process.cpuUsage();
if (process.argv[2] === 'sync') {
  try {
    queue.getSync(ms);
  } catch {
    // Empty: nobody puts anything.
  }
} else if (process.argv[2] === 'nothing') {
  await sleep(ms);
} else {
  await queue.get(ms).catch(() => {});
}
const { user, system } = process.cpuUsage(before);
report({ percent: ((user + system) / 1000 / ms) * 100 });
queue.close();
