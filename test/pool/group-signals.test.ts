/** Signals to a whole process group: workers and servers leave them to their parent, which drains its pool. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { Program } from '../harness/program.js';

leaveNothing(t);

const file = fileURLToPath(new URL('../programs/group-signals.js', import.meta.url));
const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

for (const method of ['forkserver', 'spawn', 'fork']) {
  t.test(`a signal to the group leaves workers by ${method} and servers at their work`, async (t) => {
    const options = method === 'fork' ? ['--single-threaded'] : [];
    const child = spawn(process.execPath, [...options, file, method], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    const parent = new Program(t, child, 'group-signals');
    t.equal(await parent.message(), 'busy');
    for (const signal of [...signals, 'SIGTERM'] as const) {
      process.kill(-parent.pid, signal);
      t.equal(await parent.message(), signal);
    }
    parent.send('drain');
    t.strictSame(await parent.message(), {
      results: [1, 2, 3],
      drained: true,
      refused: 'ValueError',
      list: [1, 2],
      lost: 0,
    });
    t.match(await parent.message(), {
      done: false,
      name: 'ClosedError',
      message: /drained, and the work was not done within 50 ms/,
      workers: 0,
    });
    t.equal(await parent.message(), method === 'fork' ? 9 : -15);
    if (method !== 'fork') {
      t.equal(await parent.message(), 'busy');
      process.kill(-parent.pid, 'SIGTERM');
      t.strictSame(new Set([await parent.message(), await parent.message()]), new Set(['SIGTERM', 'WorkerLostError']));
    }
    t.strictSame(await parent.ended, { code: 0, signal: null }, parent.stderr);
  });
}
