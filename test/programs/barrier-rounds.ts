/**
 * One of several processes that pass a barrier many times with random delays, for barrier.test.ts. `counts` has how often
 * each round was entered: nobody may leave a round that not all have entered, or find the next but one begun.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Barrier, SharedArray } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const [name, form, total] = process.argv.slice(2) as [string, 'sync' | 'promise' | 'both', string];
const parties = 5;
const rounds = Number(total);
const barrier = new Barrier(parties, { name });
const entered = new SharedArray('i', rounds + 2, { name: `${name}entered` });
const numbers = new SharedArray('i', rounds, { name: `${name}numbers` });
const count = (array: typeof entered, index: number, change: number) =>
  Atomics.add(array as unknown as Int32Array, index, change);

await tell('ready');
await hear();
for (let round = 0; round < rounds; round++) {
  const delay = Math.random();
  if (delay < 0.02) await sleep(delay * 100);
  else if (delay < 0.3) for (let i = 0; i < delay * 1e5; i++) Atomics.load(entered as unknown as Int32Array, 0);
  count(entered, round, 1);
  const sync = form === 'sync' || (form === 'both' && Math.random() < 0.5);
  const number = sync ? barrier.waitSync() : await barrier.wait();
  count(numbers, round, 1 << number);
  if (entered[round] !== parties) fail(`left round ${round}, which ${entered[round]} have entered`);
  if (entered[round + 2] !== 0) fail(`round ${round + 2} has begun before round ${round} has ended`);
}
barrier.waitSync();
for (let round = 0; round < rounds; round++) {
  if (numbers[round] !== (1 << parties) - 1) fail(`round ${round} has the numbers ${numbers[round]?.toString(2)}`);
}
await tell('done');
process.exit();

function fail(what: string): never {
  console.log(what);
  process.exit(3);
}
