/**
 * One of several processes that change shared data under locks, for ever, and are killed at any moment: for crash.test.ts.
 *
 * Inside the lock, `pair` holds two counts that are changed one after the other: whoever finds them different without
 * being told that an owner died has seen a torn state. `inside` names who is inside: finding somebody alive there is a
 * violation of exclusion. Both are reported by exit code 3 and a line.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Lock, Semaphore, SharedArray } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const [name, form] = process.argv.slice(2) as [string, 'sync' | 'promise'];

const lock = new Lock({ name: `${name}lock` });
const permits = new Semaphore(2, { name: `${name}permits`, robust: true });
/** [one, the other, pid inside, sections done, told of a death, with a permit now] */
const state = new SharedArray('i', 6, { name: `${name}state` });

let going = true;
void hear().then(() => {
  going = false;
});
await tell('ready');

while (going) {
  if (form === 'sync') lock.acquireSync();
  else await lock.acquire();
  section();
  lock.release();
  if (form === 'sync') permits.acquireSync();
  else await permits.acquire();
  if (permits.getValue() > 1) fail('more permits are free than there can be');
  permits.release();
  await turn();
}
await tell('done');
process.exit();

function section(): void {
  if (lock.ownerDied) {
    state[1] = state[0] as number;
    state[2] = 0;
    state[4] = (state[4] as number) + 1;
    lock.markConsistent();
  }
  if (state[2] !== 0) fail(`${state[2]} is inside, too`);
  if (state[0] !== state[1]) fail(`torn: ${state[0]} and ${state[1]}, and nobody told`);
  state[2] = process.pid;
  state[0] = (state[0] as number) + 1;
  for (let i = 0; i < 300; i++) Atomics.load(state as unknown as Int32Array, 5);
  state[1] = (state[1] as number) + 1;
  state[3] = (state[3] as number) + 1;
  state[2] = 0;
}

function fail(what: string): never {
  console.log(what);
  process.exit(3);
}
