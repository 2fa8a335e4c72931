// Ours: time from start() to the first line of a target, and the whole of start and join, one child after the other.
import { getAllStartMethods, getContext, setForkserverPreload } from 'multiproc';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';
import { firstLine, nothing } from './process-target.js';

const [, , method, count, preload] = process.argv;
const times = Number(count);

if (getAllStartMethods().includes(method)) {
  if (preload) setForkserverPreload([new URL('./process-target.js', import.meta.url).href]);
  const context = getContext(method);
  await context.warmUp();
  await run(context, nothing);

  const first = [];
  for (let i = 0; i < Math.min(times, 30); i++) {
    const { began, result } = await run(context, firstLine);
    first.push(Number(result - began) / 1e6);
  }
  const before = process.hrtime.bigint();
  for (let i = 0; i < times; i++) {
    const child = new context.Process({ target: nothing });
    child.start();
    child.joinSync();
  }
  report({ first: median(first), each: Number(process.hrtime.bigint() - before) / 1e6 / times });
} else {
  report({ missing: `no start method ${method} here` });
}

async function run(context, target) {
  const child = new context.Process({ target });
  const began = process.hrtime.bigint();
  child.start();
  const result = await child.result;
  await child.join();
  return { began, result };
}
