/** Objects in shared memory take no descriptor each, so that programs with a low limit (`ulimit -n`) have as many as they like. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);

t.test('2,800 objects of all kinds in a program that may have 256 descriptors', async (t) => {
  const file = fileURLToPath(new URL('../programs/descriptors.js', import.meta.url));
  const output = execFileSync('sh', ['-c', 'ulimit -n 256 && exec "$@"', 'sh', process.execPath, file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  const { none = 0, ...taken } = JSON.parse(output) as Record<string, number>;
  // A few keep one until they have a name: an object that never leaves its process has none.
  for (const [kind, descriptors] of Object.entries(taken)) t.ok(descriptors - none <= 32, `${kind}: ${descriptors}`);
});
