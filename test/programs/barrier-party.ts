/** Passes a barrier so many times, when told to, raises a semaphore each time, and says so: for barrier.test.ts. */
import { Barrier, Semaphore } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const [name, passedName, parties, rounds] = process.argv.slice(2) as [string, string, string, string];
const barrier = new Barrier(Number(parties), { name });
const passed = new Semaphore(0, { name: passedName });
await tell('ready');
await hear();
for (let round = 0; round < Number(rounds); round++) {
  barrier.waitSync();
  passed.release();
}
await tell('done');
process.exit();
