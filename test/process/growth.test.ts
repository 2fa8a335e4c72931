/** Many children one after the other leave nothing behind. */
import { getAllStartMethods, type StartMethod } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.setTimeout(300_000);
leaveNothing(t);

/** A start by `spawn` takes many times as long. */
const childrenBy = { forkserver: 40, spawn: 20, fork: 40 };
/** What V8 may come to know meanwhile, in bytes: up to 540 KB were seen. A leak has to show through that. */
const heapNoise = 1_000_000;

for (const method of getAllStartMethods().filter((method: StartMethod) => method !== 'fork')) {
  t.test(method, async (t) => {
    const children = childrenBy[method];
    const parent = program(t, 'process-growth', {
      args: [method, String(children)],
      execArgv: ['--expose-gc'],
      timeout: 280_000,
    });
    const grown = await parent.message<{ fds: number; heap: number; zombies: number }>();
    // Killed at the end of the test it could not let go of its memory.
    t.strictSame(await parent.ended, { code: 0, signal: null });
    t.equal(grown.zombies, 0, 'zombies');
    t.ok(grown.fds <= children / 10, `${grown.fds} descriptors; the last objects may not have been collected yet`);
    t.ok(grown.heap < heapNoise, `heap: ${grown.heap} bytes`);
  });
}
