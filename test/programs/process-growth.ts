/** Starts many children one after the other, and tells what is left of them: descriptors, zombies, memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { getContext, isMainProcess, type StartMethod, Value } from 'multiproc';
import { tell } from '../harness/parent.js';

const targets = new URL('./process-targets.js', import.meta.url);

if (isMainProcess) {
  const [, , method, count] = process.argv;
  const { Process } = getContext(method as StartMethod);
  const run = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const value = new Value('i');
      const child = new Process({ target: { module: targets, export: 'goOn' }, args: [value], daemon: i % 3 === 0 });
      child.start();
      if (i % 2 === 0) await child.result;
      if (i % 3 === 0) child.joinSync();
      else if (i % 5 === 0) child.kill();
      if (i % 2 === 1) void child.sentinel;
      if (i % 4 === 0) setImmediate(() => void child.sentinel);
      await child.exited;
      value.close();
    }
    // Descriptors that were shown are closed once their objects have been collected.
    for (let round = 0; round < 5; round++) {
      global.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const state = () => ({ fds: readdirSync('/proc/self/fd').length, heap: process.memoryUsage().heapUsed });
  await run(10);
  const before = state();
  await run(Number(count));
  const after = state();
  const zombies = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' && Number(parent) === process.pid;
    } catch {
      return false; // It is gone.
    }
  });
  await tell({ fds: after.fds - before.fds, heap: after.heap - before.heap, zombies: zombies.length });
}
