/** Where the kernel or a sandbox has no pidfds: the ends of children and parents are seen all the same. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program, type Scope } from '../harness/program.js';

t.setTimeout(180_000);
leaveNothing(t);

const env = { MULTIPROC_NO_PIDFD: '1' };

for (const [method, execArgv] of [
  ['spawn', []],
  ['fork', ['--single-threaded']],
] as const) {
  const parent = (scope: Scope, scenario: string) =>
    program(scope, 'process-parent', { args: [scenario, method], execArgv: [...execArgv], env });

  t.test(`${method}: every way of waiting sees the end of a child`, async (t) => {
    const waiting = parent(t, 'waits');
    t.strictSame(await waiting.message(), {
      methods: execArgv.length === 0 ? ['spawn'] : ['spawn', 'fork'],
      blocked: [true, 3],
      notYet: [false, false, 0],
      joined: [true, -15],
      exited: -9,
      sentinel: [true, true],
      result: 7,
      grandchild: [4, true],
      active: 0,
    });
    t.strictSame(await waiting.ended, { code: 0, signal: null }, waiting.stderr);
  });

  t.test(`${method}: a program that is killed takes its daemons along, and a child sees it`, async (t) => {
    const killed = parent(t, 'killed');
    const lines = new Set<string>();
    while (lines.size < 7) lines.add((await killed.line()).replace(/ \d+$/, ''));
    killed.kill();
    const rest: string[] = [];
    while (rest.length < 5) rest.push(await killed.line());
    const end = ['daemon', 'family', 'grandchild', 'granddaemon', 'other'].map((name) => `${name} ends`);
    t.strictSame(rest.sort(), end);
    // The output ends with the last of them.
    await killed.ended;
  });
}

t.test('without them there is no fork server, and the log says why', async (t) => {
  const logged = program(t, 'process-parent', { args: ['reasons'], env });
  t.equal(await logged.message(), 'spawn');
  t.match(logged.stderr, /not using the start method 'forkserver': it needs pidfd_open/);
});
