/** Passes a barrier so many times, when told to, and says so: for barrier.test.ts. */
import { Barrier } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const [name, parties, rounds] = process.argv.slice(2) as [string, string, string];
const barrier = new Barrier(Number(parties), { name });
await tell('ready');
await hear();
for (let round = 0; round < Number(rounds); round++) barrier.waitSync();
await tell('done');
process.exit();
