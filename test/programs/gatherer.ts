/**
 * One of several processes that wait at an event, take items that a condition tells of, and meet at a barrier, for ever, and
 * are killed at any moment: for crash-gathering.test.ts. What it finds wrong it says by exit code 3 and a line.
 */
import { Barrier, BrokenBarrierError, Condition, Event, SharedArray } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const [name, form, place] = process.argv.slice(2) as [string, 'sync' | 'promise', string];

const event = new Event({ name: `${name}event` });
const condition = new Condition(null, { name: `${name}condition` });
const barrier = new Barrier(2, { name: `${name}barrier` });
/** [items there are, items taken]; then for each place: events, items and meetings of whoever has it. */
const books = new SharedArray('i', 2 + 3 * 4, { name: `${name}books` });
const mine = 2 + 3 * Number(place);

let going = true;
void hear().then(() => {
  going = false;
});
await tell('ready');

while (going) {
  await waitForEvent();
  await takeItem();
  await meet();
}
await tell('done');
process.exit();

async function waitForEvent(): Promise<void> {
  const set = form === 'sync' ? event.waitSync() : await event.wait();
  if (!set) fail('a wait for the event without a time-out has timed out');
  count(mine);
}

async function takeItem(): Promise<void> {
  if (form === 'sync') {
    condition.runSync(() => {
      while (books[0] === 0) condition.waitSync();
      take();
    });
  } else {
    await condition.run(async () => {
      while (books[0] === 0) await condition.wait();
      take();
    });
  }
  count(mine + 1);
}

function take(): void {
  if (condition.ownerDied) condition.markConsistent();
  if ((books[0] as number) < 1) fail(`an item is taken where there are ${books[0]}`);
  books[0] = (books[0] as number) - 1;
  books[1] = (books[1] as number) + 1;
}

async function meet(): Promise<void> {
  try {
    const index = form === 'sync' ? barrier.waitSync() : await barrier.wait();
    if (index !== 0 && index !== 1) fail(`the barrier gave the number ${index}`);
  } catch (error) {
    if (!(error instanceof BrokenBarrierError)) throw error;
    barrier.reset();
  }
  count(mine + 2);
}

function count(index: number): void {
  books[index] = (books[index] as number) + 1;
}

function fail(what: string): never {
  console.log(what);
  process.exit(3);
}
