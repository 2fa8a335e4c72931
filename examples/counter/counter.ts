/**
 * Counts together with every other program that runs this file. Start it in several terminals:
 *
 *     node examples-dist/counter/counter.js [additions]
 *
 * They have nothing in common but a name. Kill one with `kill -9`, also while it holds the lock: the others say so, put
 * in order what it left, and go on. `Ctrl-C` ends one. `COUNTER_NAME` names another counter.
 */
import { setImmediate as otherWork } from 'node:timers/promises';
import { Lock, SharedArray, Value } from 'multiproc';

const additions = Number(process.argv[2] ?? Infinity);
const name = process.env.COUNTER_NAME ?? 'example.counter';
const room = 1_000_000;

const lock = new Lock({ name: `${name}.lock` });
const total = new Value('i', 0, { name: `${name}.total`, lock });
const log = new SharedArray('i', room, { name: `${name}.log`, lock });

let mine = 0;
let thought = 0;

while (mine < additions && total.value < room) {
  await lock.run(() => {
    if (lock.ownerDied) recover();
    append();
  });
  mine++;
  if (mine % 100 === 0) {
    show();
    await otherWork();
  }
}
show();
process.stdout.write('\n');

/** One entry in the log for each count. The total is changed last: until then the addition has not happened. */
function append(): void {
  log[total.value] = process.pid;
  think();
  total.value += 1;
}

/** Some 10 µs of work, as a real program would have: time enough to be killed in. */
function think(): void {
  for (let i = 0; i < 10_000; i++) thought = Math.imul(thought, 1664525) + 1013904223;
}

/** A program died holding the lock. If it had written its entry but not the total, its addition is completed. */
function recover(): void {
  const half = log[total.value] !== 0;
  if (half) total.value += 1;
  lock.markConsistent();
  const left = half ? 'an addition half done; completed it' : 'nothing half done';
  process.stdout.write(
    `\n${process.pid}: a program died holding the lock and left ${left}; going on at ${total.value}\n`,
  );
}

function show(): void {
  const line = `${process.pid}: total ${total.value}, of these mine ${mine}`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line}`);
  else if (mine % 1000 === 0) process.stdout.write(`${line}\n`);
}
