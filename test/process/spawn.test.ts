/** Everything that processes promise, with the start method `spawn`. */
import { readFileSync } from 'node:fs';
import { Process, setExecutable } from 'multiproc';
import t from 'tap';
import { processSuite } from '../conformance/process.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
await processSuite(t, 'spawn');

t.test('a start that fails leaves no process behind', (t) => {
  t.teardown(() => setExecutable(process.execPath));
  setExecutable('/no/such/node');
  t.throws(() => new Process({ target: setExecutable, context: 'spawn' }).start(), {
    name: 'ProcessError',
    message: /^\/no\/such\/node cannot run children: ENOENT.*setExecutable/,
    cause: { code: 'ENOENT', syscall: 'execve' },
  });
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
  const zombies = children.filter((pid) => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  t.strictSame(zombies, []);
  t.end();
});
