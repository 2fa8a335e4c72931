// Ours: the share of memory (PSS) of children that wait for a timer.
import { readFileSync } from 'node:fs';
import { getAllStartMethods, getContext } from 'multiproc';
import { report } from './measure.js';
import { idle } from './process-target.js';

const [, , method, count] = process.argv;

if (getAllStartMethods().includes(method)) {
  const context = getContext(method);
  await context.warmUp();
  const children = Array.from({ length: Number(count) }, () => new context.Process({ target: idle, daemon: true }));
  for (const child of children) child.start();
  await Promise.all(children.map((child) => child.result));
  const shares = children.map(({ pid }) => {
    const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
    return Number(kilobytes) / 1000;
  });
  for (const child of children) child.kill();
  report({ pss: shares.reduce((sum, share) => sum + share) / shares.length });
} else {
  report({ missing: `no start method ${method} here` });
}
