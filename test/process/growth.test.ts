/** Many children one after the other leave nothing behind. */
import { getAllStartMethods, type StartMethod } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.setTimeout(300_000);
leaveNothing(t);

const children = 40;
/** What one child may leave of the heap; a Process that is kept takes several KiB. */
const heapEach = 2048;

for (const method of getAllStartMethods().filter((method: StartMethod) => method !== 'fork')) {
  t.test(method, async (t) => {
    const parent = program(t, 'process-growth', {
      args: [method, String(children)],
      execArgv: ['--expose-gc'],
      timeout: 280_000,
    });
    const grown = await parent.message<{ fds: number; heap: number; zombies: number }>();
    t.equal(grown.zombies, 0, 'zombies');
    t.ok(grown.fds <= children / 10, `${grown.fds} descriptors; the last objects may not have been collected yet`);
    t.ok(grown.heap < children * heapEach + 300_000, `heap: ${grown.heap} bytes`);
  });
}
