/** A full /dev/shm: an error with the figures and the cure, nothing kept of what failed, and all works when memory is there. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { command } from '../harness/program.js';
import type { Report } from '../programs/full-memory.js';

const namespace = ['--mount', ...(process.geteuid?.() === 0 ? [] : ['--map-root-user'])];
const mount = 'mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm';
const isAllowed = spawnSync('unshare', [...namespace, 'sh', '-c', mount]).status === 0;
const skip = isAllowed ? false : 'needs a mount namespace, which this machine does not give';

t.test('a full /dev/shm', { skip }, async (t) => {
  const file = fileURLToPath(new URL('../programs/full-memory.js', import.meta.url));
  const args = [...namespace, 'sh', '-c', `${mount} && exec "$@"`, 'sh', process.execPath, file];
  const child = command(t, 'unshare', { args });
  const { failures, works } = JSON.parse(await child.line(/^{/)) as Report;
  t.strictSame(await child.ended, { code: 0, signal: null }, child.stderr);
  t.equal(failures.length, 4 + 6 + 6 + 6 + 2 + 3 + 2 + 4 + 2);
  for (const { what, name, code, message, wanted = 0, free = -1, capacity, lost } of failures) {
    t.match({ name, code, capacity }, { name: 'SystemError', code: 'ENOSPC', capacity: 64 * 2 ** 20 }, what);
    t.match(message, /--shm-size/, `${what}: names the cure`);
    t.match(message, / bytes/, `${what}: has figures`);
    t.ok(wanted >= 24 * 2 ** 20 && free > 10 * 2 ** 20 && free < wanted, `${what}: ${wanted} wanted, ${free} free`);
    t.ok(lost < 2 ** 20, `${what}: keeps nothing, but ${lost} bytes`);
  }
  for (const [what, outcome] of Object.entries(works)) {
    if (what.includes('a large argument') && what.includes('with')) t.equal(outcome, 0, what);
    else if (what.includes('large')) t.equal(outcome, 24 * 2 ** 20, what);
  }
  t.match(works, {
    'another program': 0,
    'a small result': 1000,
    'a small argument': 1000,
    'a Queue: a small message': 100,
    'a bounded Queue: a small message': 100,
    'a JoinableQueue: a small message': 100,
    'a SimpleQueue: a small message': 100,
    'a wait for the reader that times out': 'Full',
    'a wait for the reader that is aborted': 'TimeoutError',
    'still waits': 'yes',
    'burns no CPU': true,
    'the first one': 18 * 2 ** 20,
    'the second one': 18 * 2 ** 20,
    'the unread one': 16 * 2 ** 20,
    'the capacity is full': 'Full',
    'a small SharedMemory': 4096,
    'a SharedMap, lru: its entries': 100,
    'a SharedMap, none: its entries': 100,
  });
});
