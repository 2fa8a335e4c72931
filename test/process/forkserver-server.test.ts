/** The fork server itself: whose children there are, what is preloaded, and what happens when somebody dies. */
import t from 'tap';
import { pidfdsTellEnds } from '../harness/kernel.js';
import { leaveNothing } from '../harness/leftovers.js';
import { type ProgramOptions, program, type Scope } from '../harness/program.js';
import { runs } from '../harness/runs.js';
import { until } from '../harness/until.js';

t.setTimeout(300_000);
leaveNothing(t);

interface Family {
  server: number;
  parent: number;
  ppid: number;
  loadedBy: number[];
  isMainProcess: boolean;
}

const run = (t: Scope, scenario: string, options: ProgramOptions = {}) =>
  program(t, 'forkserver-parent', { args: [scenario], ...options });

const wellEnded = { code: 0, signal: null };

t.test('a child and its own children come from the same server', async (t) => {
  const parent = run(t, 'families');
  const { own, child, pid } = await parent.message<{ own: Family; child: Family; pid: number }>();
  t.not(own.server, parent.pid);
  t.equal(child.server, own.server);
  t.equal(own.parent, parent.pid);
  t.equal(own.ppid, parent.pid);
  t.equal(child.parent, pid);
  t.equal(child.ppid, pid);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
  await until('the server has ended with its parent', () => !runs(own.server));
});

t.test('the preloaded main module is loaded once, by the server, and a warning names missing modules', async (t) => {
  const parent = run(t, 'preloaded');
  for (const family of await parent.message<Family[]>()) {
    t.strictSame(family.loadedBy, [family.server]);
    t.equal(family.isMainProcess, false);
  }
  t.strictSame(await parent.ended, wellEnded);
  t.match(parent.stderr, /^\(node:\d+\) \[MULTIPROC_FORKSERVER\] .*'multiproc-no-such-module' \(Cannot find package/);
});

t.test('children that are terminated while they take what they are given leave nothing of it', async (t) => {
  const parent = run(t, 'endedEarly');
  t.strictSame(await parent.message(), []);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('a server whose program ends before it serves ends without a word', async (t) => {
  const parent = run(t, 'leaving');
  // The server's stderr is the same.
  t.strictSame(await parent.ended, wellEnded);
  t.equal(parent.stderr, '');
});

t.test('a child has nothing of Node loaded that would have to be put right in each', async (t) => {
  const parent = run(t, 'lean');
  t.strictSame(await parent.message<string[]>(), []);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('a child of an aged server inherits no garbage collection that is due', async (t) => {
  const parent = run(t, 'aged', { execArgv: ['--trace-gc'] });
  const collections: string[] = [];
  parent.child.stdout?.on('data', (chunk) => collections.push(String(chunk)));
  const pid = await parent.message<number>();
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
  t.match(collections.join(''), /Mark-Compact/, 'the server collects before it serves');
  t.notMatch(collections.join(''), new RegExp(`\\[${pid}:.*Mark-Compact \\(reduce\\)`));
});

t.test("a child has the environment of its creator, whatever became of the server's", async (t) => {
  const parent = run(t, 'environments');
  const seen = await parent.message<Record<string, string>>();
  t.strictSame(seen, {
    MULTIPROC_KEPT: 'kept',
    MULTIPROC_CHANGED: 'after',
    MULTIPROC_GONE: undefined,
    MULTIPROC_NEW: '',
  });
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('what is to be preloaded later gets another server', async (t) => {
  const parent = run(t, 'preloadedLater');
  const [before, after] = await parent.message<[Family, Family]>();
  t.not(before.server, after.server);
  t.strictSame(after.loadedBy, [after.server]);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('children draw random numbers of their own', async (t) => {
  const parent = run(t, 'draws');
  const draws = (await parent.message<unknown[][]>()).flat();
  t.equal(draws.length, 12);
  t.equal(new Set(draws).size, draws.length);
  await parent.ended;
});

t.test('a module that throws while it is preloaded makes start fail, and says where', async (t) => {
  const parent = run(t, 'throwing');
  for (let i = 0; i < 2; i++)
    t.match(await parent.message(), /ProcessError.*fork server.*data:.*RangeError: not today/s);
  t.strictSame(await parent.ended, wellEnded);
});

for (const [scenario, what] of [
  ['busy', 'Timeout'],
  ['worker', 'Worker'],
] as const) {
  t.test(`nothing is preloaded that stays busy (${what})`, async (t) => {
    const parent = run(t, scenario);
    const { isMainProcess, loadedBy } = await parent.message<Family>();
    t.equal(isMainProcess, false);
    t.equal(loadedBy.length, 1);
    t.strictSame(await parent.ended, wellEnded);
    t.match(
      parent.stderr,
      new RegExp(`MULTIPROC_FORKSERVER\\] .*preloads nothing of data:.*: (?:.*, )?${what} kept the fork server busy`),
    );
  });
}

t.test('where no fork server can serve, children are spawned, and the log says why', async (t) => {
  const hooks =
    'data:text/javascript,import { register } from "node:module"; register("data:text/javascript,export async function load(url, context, next) { return next(url, context) }");';
  const execArgv = ['--no-warnings', '--import', hooks];
  for (const [options, reason] of [
    [{ execArgv }, /cannot be used: .*module hooks/],
    [{ execArgv: ['--cpu-prof', '--cpu-prof-dir=/dev/null'] }, /--cpu-prof/],
  ] as const) {
    const parent = run(t, 'spawned', { execArgv: [...options.execArgv] });
    await parent.ended;
    t.match(parent.stderr, reason);
  }
  const parent = run(t, 'otherOptions');
  t.equal((await parent.message<Family>()).server, parent.pid);
  t.strictSame(await parent.ended, wellEnded);
  t.match(parent.stderr, /spawning 'Process-2' instead of forking it: .*--stack-trace-limit=7/);
});

t.test('a killed server harms no child, whose exit code is known, and is replaced', async (t) => {
  const parent = run(t, 'serverKilled');
  const { server, next, codes } = await parent.message<{ server: number; next: number; codes: number[] }>();
  t.not(next, server);
  // Once the child is reaped by somebody else, only newer kernels tell of the signal.
  if (pidfdsTellEnds) t.strictSame(codes, [3, -15]);
  else t.ok(codes[0] === 3 && [255, -15].includes(codes[1] as number), { codes });
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('a stopped server does not keep the exit codes of its children', async (t) => {
  const parent = run(t, 'serverStopped');
  const { server, next, codes } = await parent.message<{ server: number; next: number; codes: number[] }>();
  t.equal(next, server);
  t.strictSame(codes, [true, -15, -9, 3, true, 0]);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('where the kernel tells nobody but the server, the child itself has told its exit code', async (t) => {
  const env = { MULTIPROC_NO_EXIT_INFO: '1' };
  for (const [scenario, expected] of [
    ['serverKilled', [3, 255]],
    ['serverSilent', [3]],
  ] as const) {
    const parent = run(t, scenario, { env });
    const { codes } = await parent.message<{ codes: number[] }>();
    t.strictSame(codes, expected, scenario);
    t.strictSame(await parent.ended, wellEnded, parent.stderr);
  }
});

t.test('a server that does not answer any more is ended and replaced, with a warning', async (t) => {
  const parent = run(t, 'stopped', { env: { MULTIPROC_FORKSERVER_TIMEOUT: '3000' } });
  const { server, next } = await parent.message<{ server: number; next: number }>();
  t.not(next, server);
  await until('the stopped server has ended', () => !runs(server));
  t.match(
    parent.stderr,
    /\[WARNING\/MainProcess\] the fork server is gone \(it did not answer for 3 s\), starting another/,
  );
  t.strictSame(await parent.ended, wellEnded);
});

t.test('the server ignores SIGINT, and its children do not', async (t) => {
  const parent = run(t, 'interrupted');
  const { server, next, codes } = await parent.message<{ server: number; next: number; codes: number[] }>();
  t.equal(next, server);
  t.strictSame(codes, [0, -2]);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('many processes may ask one server at once', async (t) => {
  const parent = run(t, 'crowd');
  t.strictSame(await parent.message(), { sum: 40, codes: [0, 0, 0, 0] });
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('a child has no descriptors of its siblings, however many there are', async (t) => {
  const parent = run(t, 'descriptors');
  const [first, second, alone] = await parent.message<string[][]>();
  t.strictSame(second, first);
  t.strictSame(alone, first);
  t.strictSame(await parent.ended, wellEnded, parent.stderr);
});

t.test('after SIGKILL of the parent the server and daemons end, and the others run to their end', async (t) => {
  const parent = run(t, 'orphans');
  const server = await parent.message<number>();
  const begun = ['parent', 'daemon', 'other', 'last', 'grandchild', 'grand-daemon'];
  const lines = new Set<string>();
  while (lines.size < begun.length) lines.add(await parent.line());
  t.strictSame(lines, new Set(begun.map((name) => `${name} begins`)));
  parent.kill();
  await until('the server has ended', () => !runs(server));
  const ended: string[] = [];
  // The output ends when the last of them has.
  try {
    for (;;) ended.push(await parent.line());
  } catch {
    // It has.
  }
  // The daemon of a child ends with that.
  const expected = ['grandchild', 'last', 'other', 'parent'].map((name) => `${name} ends`);
  t.strictSame(ended.sort(), expected);
});
