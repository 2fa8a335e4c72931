/** fork: the child is a whole Node program, whatever it does and however it ends. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type ProgramOptions, program, type Scope } from '../harness/program.js';

t.setTimeout(400_000);
leaveNothing(t);

interface Told {
  end: { exitCode: number | null; signal: string | null };
  [key: string]: unknown;
}

const flag = ['--single-threaded'];

type Test = Scope & Pick<typeof t, 'strictSame'>;

async function way(t: Test, name: string, argument = '', options: ProgramOptions = { execArgv: flag }) {
  const forking = program(t, 'fork-ways', { args: [name, argument], timeout: 60_000, ...options });
  const told = await forking.message<Told>();
  const ending = await forking.ended;
  t.strictSame(ending, { code: 0, signal: null }, forking.stderr);
  return { told, forking };
}

async function lines(forking: { line(): Promise<string> }): Promise<string[]> {
  const all: string[] = [];
  try {
    for (;;) all.push(await forking.line());
  } catch {
    return all; // It has ended, and everything was read.
  }
}

// The long form, 500, runs in test:soak.
const count = Number(process.env.MULTIPROC_SOAK ?? 24);

t.test(
  `${count} children use timers, fs, http, crypto, Workers and much memory, and end as they were told`,
  async (t) => {
    const forking = program(t, 'fork-many', {
      args: [String(count), '6'],
      execArgv: [...flag, '--expose-gc', '--max-semi-space-size=1'],
      timeout: 380_000,
    });
    const { ends, nobody, lines } = await forking.message<{
      ends: { way: string; expected: number; end: { exitCode: number | null; signal: string | null } }[];
      nobody: string;
      lines: string[];
    }>();
    t.strictSame(await forking.ended, { code: 0, signal: null });
    const wrong = ends.filter(({ expected, end }) => end.exitCode !== expected || end.signal !== null);
    t.strictSame(wrong, [], forking.stderr.slice(0, 2000));
    t.equal(ends.length, count);
    t.equal(nobody, 'ECHILD', 'no child is left, not even as a zombie');

    const handlers = lines.filter((line) => line.startsWith('exit handler'));
    t.equal(handlers.length, count, "every child ran its 'exit' handler once");
    const children = lines.filter((line) => line.startsWith('child')).map((line) => line.split(' '));
    for (const [column, what] of [
      [1, 'pid'],
      [2, 'Math.random'],
      [3, 'randomUUID'],
      [4, 'randomInt'],
    ] as const) {
      t.equal(new Set(children.map((child) => child[column])).size, count, `each child has a ${what} of its own`);
    }
    for (const kind of ['planned throw', 'planned rejection']) {
      t.equal(forking.stderr.split(`Error: ${kind}`).length - 1, count / 4, `the stack of each ${kind} is on stderr`);
    }
  },
);

t.test('exit codes and signals reach waitpid', async (t) => {
  for (const code of [0, 1, 255]) {
    t.match((await way(t, 'exit code', String(code))).told.end, { exitCode: code, signal: null });
  }
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    t.match((await way(t, 'signal', signal)).told.end, { exitCode: null, signal });
  }
});

t.test('a natural end runs beforeExit and exit handlers, which may go on and change the code', async (t) => {
  const { told, forking } = await way(t, 'handlers before a natural end');
  t.match(told.end, { exitCode: 5, signal: null });
  t.strictSame(await lines(forking), ['beforeExit 0', 'more', 'beforeExit 0', 'exit 0']);
});

t.test('an exit handler that throws ends the child with 1 and its stack', async (t) => {
  const { told, forking } = await way(t, 'a handler that throws');
  t.match(told.end, { exitCode: 1, signal: null });
  t.match(forking.stderr, /Error: from the handler\n +at /);
});

t.test('a child that catches its exceptions goes on', async (t) => {
  const { told, forking } = await way(t, 'a caught exception');
  t.match(told.end, { exitCode: 0, signal: null });
  t.strictSame(await lines(forking), ['caught to be caught', 'went on']);
});

t.test('a signal to a child that has just begun reaches its handler there, and not its parent', async (t) => {
  const { told } = await way(t, 'a handler of signals');
  t.match(told, { codes: [[7, 60]], heard: 0 });
});

t.test('a child forks in its turn, and starts other programs', async (t) => {
  t.match((await way(t, 'a fork in the child')).told.end, { exitCode: 22, signal: null });
  t.match((await way(t, 'a child process of the child')).told.end, { exitCode: 23, signal: null });
});

t.test('what the parent had not written yet is written once, by the parent', async (t) => {
  const { told, forking } = await way(t, 'pending output');
  t.ok((told.pending as number) > 0, 'something was pending');
  t.match(told.end, { exitCode: 0, signal: null });
  const expected = Array.from({ length: 20_000 }, (_, i) => `parent ${i} ${'.'.repeat(60)}\n`).join('');
  // The child's line comes where the parent's writing stood, possibly inside a line.
  const all = `${(await lines(forking)).join('\n')}\n`;
  const [before = '', after = '', ...more] = all.split('the child says this once\n');
  t.strictSame(more, []);
  t.ok(before + after === expected, 'and nothing is missing');
});

t.test('what a child wrote is out before it ends', async (t) => {
  const { told, forking } = await way(t, 'much output of the child');
  t.match(told.end, { exitCode: 0, signal: null });
  t.equal((await lines(forking)).length, 20_000);
});

t.test('a pending wait belongs to the parent', async (t) => {
  const { told } = await way(t, 'a pending wait', `test-${process.pid}`);
  t.match(told.end, { exitCode: 24, signal: null });
  t.equal(told.got, true);
});

t.test('a child is a participant of its own', async (t) => {
  t.match((await way(t, 'a lock held by the parent')).told.end, { exitCode: 25, signal: null });
  const { told } = await way(t, 'a lock of the child');
  t.match(told, { end: { exitCode: 26, signal: null }, got: true, ownerDied: true });
});

t.test('an object that the parent closes stays what it is for the child', async (t) => {
  t.match((await way(t, 'an object closed by the parent')).told.end, { exitCode: 27, signal: null });
});

t.test('forking costs the parent no descriptors', async (t) => {
  t.match((await way(t, 'descriptors')).told, { ends: 10, grown: 0 });
});

t.test('without --single-threaded it refuses and names the command', async (t) => {
  for (const execArgv of [[], ['--single-threaded', '--no-single-threaded']]) {
    const { told } = await way(t, 'refused', '', { execArgv });
    t.match(told, {
      name: 'MultiprocError',
      code: 'ERR_MULTIPROC_FORK',
      message: /node --single-threaded \S*fork-ways/,
    });
  }
  const { told } = await way(t, 'exit code', '3', { execArgv: ['--single_threaded'] });
  t.match(told.end, { exitCode: 3 }, 'V8 takes underscores, too');
});

t.test('a Worker cannot fork, not even unsafely', async (t) => {
  const { told } = await way(t, 'in a Worker');
  t.match(told, { code: 'ERR_MULTIPROC_FORK', message: /Worker/ });
});

t.test('unsafe forks anyway', async (t) => {
  const { told } = await way(t, 'unsafe', '', { execArgv: [] });
  t.match(told, { pid: Number, end: { pid: told.pid } });
});
