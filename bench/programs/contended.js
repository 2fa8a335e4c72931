// Ours: two processes take turns under one named lock, each with about 100 ns of work inside and 100 ns outside.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Lock, SharedArray } from 'multiproc';
import { report } from './measure.js';
import { stepsFor, work } from './work.js';

const seconds = 2.5;

if (process.send) await contend(...process.argv.slice(2));
else await referee();

async function referee() {
  const name = `bench-contended-${process.pid}`;
  const lock = new Lock({ name });
  const total = new SharedArray('d', 1, { name: `${name}-total` });
  try {
    const steps = String(stepsFor(100));
    const children = [1, 2].map(() => fork(fileURLToPath(import.meta.url), [name, steps]));
    await Promise.all(children.map((child) => once(child, 'message')));
    for (const child of children) child.send('go');
    const counts = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]));
    const sum = counts[0] + counts[1];
    report({
      perSecond: sum / seconds,
      exact: total[0] === sum,
      smallerShare: (100 * Math.min(...counts)) / sum,
    });
  } finally {
    lock.unlink();
    total.unlink();
  }
}

async function contend(name, steps) {
  const lock = new Lock({ name });
  const total = new SharedArray('d', 1, { name: `${name}-total` });
  run(lock, new Float64Array(1), Number(steps), 0.2); // Warms up on a counter of its own.
  process.send('ready');
  await once(process, 'message');
  process.send(run(lock, total, Number(steps), seconds));
  process.disconnect();
}

function run(lock, counter, steps, duration) {
  const end = performance.now() + duration * 1000;
  let count = 0;
  let x = 1;
  while (count % 64 !== 0 || performance.now() < end) {
    lock.acquireSync();
    counter[0] += 1;
    x = work(steps, x);
    lock.release();
    x = work(steps, x);
    count++;
  }
  if (x === 0.5) throw new Error('never, but the compiler cannot know');
  return count;
}
