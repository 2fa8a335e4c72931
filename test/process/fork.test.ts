/** The start method fork: a child runs its target and nothing of its parent's, wherever in the program it was started. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type ProgramOptions, program, type Scope } from '../harness/program.js';

t.setTimeout(400_000);
leaveNothing(t);

const execArgv = ['--single-threaded'];
const soak = process.env.MULTIPROC_SOAK;
const count = Number(soak ?? 20);

type Test = Scope & Pick<typeof t, 'strictSame'>;

async function way(t: Test, name: string, options: ProgramOptions = {}) {
  const starting = program(t, 'fork-start', { args: [name], execArgv, ...options });
  const told = await starting.message<Record<string, unknown>>();
  t.strictSame(await starting.ended, { code: 0, signal: null }, starting.stderr);
  return { told, starting };
}

async function lines(starting: { line(): Promise<string> }): Promise<string[]> {
  const all: string[] = [];
  try {
    for (;;) all.push(await starting.line());
  } catch {
    return all; // It has ended, and everything was read.
  }
}

t.test(
  `${count} children started from everywhere do everything and end as they should, and nothing else`,
  async (t) => {
    const campaign = program(t, 'fork-campaign', {
      args: [String(count), '4', String(soak === undefined ? 1 : Date.now() % 100_000)],
      execArgv: [...execArgv, '--expose-gc'],
      timeout: 380_000,
    });
    const told = await campaign.message<{
      wrong: unknown[];
      strays: string;
      nobody: string;
      drawn: string[];
      grown: number;
    }>();
    t.strictSame(await campaign.ended, { code: 0, signal: null }, campaign.stderr);
    t.strictSame(told.wrong, [], campaign.stderr);
    t.equal(told.strays, '', 'nothing of the parent ran in a child');
    t.equal(told.nobody, 'ECHILD', 'no child is left, not even as a zombie');
    t.equal(told.grown, 0, 'no descriptor was left open');
    for (const [column, what] of ['Math.random', 'randomUUID', 'randomInt'].entries()) {
      const values = told.drawn.map((line) => line.split(' ')[column]);
      t.equal(new Set(values).size, values.length, `each child has a ${what} of its own`);
    }
  },
);

t.test('a closure is called with the very arguments, and changes nothing here', async (t) => {
  t.match((await way(t, 'a closure')).told, { exitCode: 0, result: [true, 2], here: 1 });
});

t.test('a subclass runs as itself, private fields included', async (t) => {
  t.strictSame((await way(t, 'a subclass')).told, { result: [15, true, 'counter', true], seen: 0 });
});

t.test("the parent's requests under way do not keep a child", async (t) => {
  t.match((await way(t, 'requests under way')).told, { exitCode: 0, result: 'done' });
});

t.test('a child waits as it should, whatever the waits of its parent have just won', async (t) => {
  const told = { exitCode: 0, result: true, here: true };
  t.match((await way(t, 'a wait just won', { timeout: 20_000 })).told, told);
});

t.test("a child goes on with code that V8 has made of its parent's loops", async (t) => {
  t.strictSame((await way(t, 'loops of the parent')).told, Array(7).fill(0));
});

t.test('a child is kept by its own waits, not by those of its parent', async (t) => {
  const told = { exitCode: 0, result: 'returned', here: 'sent' };
  t.match((await way(t, 'a wait that keeps the parent', { timeout: 20_000 })).told, told);
});

t.test("a child has no part in the parent's server", async (t) => {
  t.match((await way(t, 'a port')).told, { exitCode: -9 });
});

t.test('a signal to a child that has just begun reaches its handler there, and not its parent', async (t) => {
  t.strictSame((await way(t, 'a handler of signals')).told, { codes: [[7, 60]], heard: 0 });
});

t.test('a child looks up names while its parent is at that', async (t) => {
  const looking = program(t, 'lookups', { execArgv, env: { UV_THREADPOOL_SIZE: undefined } });
  const { expected, ...told } = await looking.message<{ expected: string }>();
  t.strictSame(told, { found: [expected, expected, undefined], end: 7 });
  t.strictSame(await looking.ended, { code: 0, signal: null }, looking.stderr);
});

t.test('stdin is empty, and output is whole and in order', async (t) => {
  const { told, starting } = await way(t, 'the standard streams');
  t.match(told, { exitCode: 0, result: [0, ''] });
  t.strictSame(await lines(starting), [`before child ${'.'.repeat(200_000)}`, 'after']);
  t.match(starting.stderr, /^child on stderr\n$/);
});

t.test('the standard streams can go elsewhere', async (t) => {
  const { told, starting } = await way(t, 'streams elsewhere');
  t.match(told, { exitCode: 0 });
  t.strictSame(await lines(starting), ['this is on stdout']);
});

t.test('the environment is as of start(), or what was given', async (t) => {
  t.match((await way(t, 'environment')).told, {
    inherited: { result: ['one', true] },
    given: { result: { ONLY: 'this' } },
    path: true,
  });
});

t.test("waits and locks are the parent's", async (t) => {
  t.match((await way(t, 'a lock')).told, { exitCode: 0, result: [false, true], got: true });
});

t.test('handlers that the child registers run at its end', async (t) => {
  const { told, starting } = await way(t, 'exit handlers of the child');
  t.match(told, { exitCode: 4 });
  t.strictSame(await lines(starting), ['beforeExit', 'exit 4']);
});

t.test('whoever wrapped process.emit in the parent does not hear of the end of a child', async (t) => {
  const { told, starting } = await way(t, 'a wrapped emit');
  t.match(told, { exitCode: 0, result: 1 });
  t.strictSame(await lines(starting), []);
});

t.test('a child has children, by fork and by spawn', async (t) => {
  t.match((await way(t, 'a child of a child')).told, {
    exitCode: 0,
    result: { exitCode: 0, result: ['Process-1:1', 'Process-1'] },
  });
  t.match((await way(t, 'a child by spawn')).told, { exitCode: 0, result: [0, true] });
});

t.test('a main module in CommonJS may start one while it runs', async (t) => {
  const file = new URL('../programs/fork-commonjs.cjs', import.meta.url);
  const starting = program(t, file, { execArgv: [...execArgv, '--no-warnings'] });
  t.strictSame(await starting.message(), { result: 42, exitCode: 5 });
  await starting.ended;
  t.strictSame(await lines(starting), []);
});

t.test('where it cannot be done, start() says why before anything is forked', async (t) => {
  const cases: [string, RegExp, ProgramOptions?][] = [
    ['no flag', /multiproc run \S*fork-start.*node --single-threaded \S*fork-start/, { execArgv: [] }],
    ['in a Worker', /Worker/],
    ['an exit handler', /'exit' handler/],
    ['a context of node:vm', /node:vm.*timer/],
    ['node options', /execArgv.*--expose-gc/],
  ];
  for (const [name, message, options] of cases) {
    const { told } = await way(t, name, options);
    t.match(told, { name: 'ProcessError', code: 'ERR_MULTIPROC_FORK', message }, name);
  }
});

t.test('coverage and profiles of the parent do not hurt a child', async (t) => {
  const folder = t.testdir();
  t.match((await way(t, 'a closure', { env: { NODE_V8_COVERAGE: folder } })).told, { exitCode: 0 });
  for (const option of ['--cpu-prof', '--heap-prof', '--inspect=0']) {
    const options = { execArgv: [...execArgv, option], cwd: folder };
    t.match((await way(t, 'a closure', options)).told, { exitCode: 0 }, option);
  }
});
