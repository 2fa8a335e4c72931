// Ours: how long children take for work of one kind, several at the same time.
import { getAllStartMethods, getContext } from 'multiproc';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';
import { calls, garbage, heap, loop, sources, wasm } from './process-work-targets.js';

const [, , method, kind, atOnce] = process.argv;
const target = { calls, garbage, heap, loop, sources, wasm }[kind];

if (getAllStartMethods().includes(method)) {
  const { Process, warmUp } = getContext(method);
  await warmUp();
  const times = [];
  for (let round = 0; round < 3; round++) {
    const children = Array.from({ length: Number(atOnce) }, () => new Process({ target }));
    for (const child of children) child.start();
    times.push(Math.max(...(await Promise.all(children.map((child) => child.result)))));
    await Promise.all(children.map((child) => child.join()));
  }
  report({ ms: median(times) });
} else {
  report({ missing: `no start method ${method} here` });
}
