/**
 * The ports of Python programs print what their originals print, whatever the start method.
 *
 * What the comments in a program cannot say about its output stands here, by the number of its row in examples/README.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { StartMethod } from 'multiproc';
import tap, { type Test } from 'tap';
import { type Output, root, runExample } from './harness/example.js';
import { leaveNothing } from './harness/leftovers.js';

tap.setTimeout(400_000);
leaveNothing(tap);

type Check = (t: Test, output: Output) => void;

/** Programs that start no process of ours, start one in their own way, or start threads. */
const asTheyAre = /^(13|19-fib-threads|22|24)/;

const methods: StartMethod[] = ['forkserver', 'spawn', 'fork'];
/** Without this, each port runs under one start method, the next port under the next. */
const areAllWanted = process.env.MULTIPROC_PORT_METHODS === 'all';

const preload = new URL('./programs/start-by.js', import.meta.url).href;

const ports = readdirSync(`${root}examples/ports`).sort();

/** Lines that say how many are inside, in the order of the output: those that match `enter` less those that match `leave`. */
function mostInside(lines: readonly string[], enter: RegExp, leave: RegExp): number {
  let inside = 0;
  let most = 0;
  for (const line of lines) {
    if (enter.test(line)) inside++;
    if (leave.test(line)) inside--;
    most = Math.max(most, inside);
  }
  return most;
}

const numbersOf = (lines: readonly string[], pattern: RegExp): number[] =>
  lines.flatMap((line) => {
    const found = pattern.exec(line);
    return found === null ? [] : [Number(found[1])];
  });

const checks: Record<number, Check> = {
  2: (t, { lines }) => {
    const first = lines[0] === '1' ? [1, 2, 3, 4, 5, 8, 11, 14, 17, 20] : [3, 6, 9, 12, 15, 16, 17, 18, 19, 20];
    t.strictSame(lines.map(Number), first, 'who comes first makes all its additions');
  },
  3: (t, { stderr }) => t.match(stderr, /ClosedError: .*closed/, 'the receiver says what it did wrong'),
  5: (t, { lines }) => t.ok(mostInside(lines, /^msg/, /^end$/) <= 3, 'three at a time'),
  14: (t, { lines }) => t.ok(mostInside(lines, / acquire$/, / release$/) <= 2, 'two at a time'),
  26: (t, { lines }) => {
    const [main] = numbersOf(lines, /^main process (\d+)$/);
    const callbacks = numbersOf(lines, /^-->exec done: \d+ (\d+)$/);
    t.strictSame(callbacks, Array(10).fill(main), 'callbacks run in the main process');
    t.notOk(numbersOf(lines, /^current process (\d+)$/).includes(main as number), 'the function does not');
  },
  29: (t, { stderr }) => {
    t.match(stderr, /RangeError: There was an error!\n\s+at raises /, 'the stack is on stderr');
  },
  30: (t, { stderr }) => {
    for (const text of ['child process calling run()', 'process shutting down', 'process exiting with exitcode 0']) {
      t.ok(stderr.split('\n').includes(`[INFO/Process-1] ${text}`), text);
    }
  },
  32: (t, { lines }) => {
    t.equal(lines.filter((line) => line.endsWith(': Exiting')).length, availableParallelism() * 2, 'all consumers end');
    const answers = lines.filter((line) => line.startsWith('Result:'));
    t.equal(answers.length, 10);
    t.ok(
      lines.slice(-10).every((line) => answers.includes(line)),
      'the results come last',
    );
  },
  33: (t, { lines }) => {
    const [main] = numbersOf(lines, /^start all process (\d+)$/);
    t.strictSame(numbersOf(lines, /^the process parent id: (\d+)$/), [main, main]);
    t.equal(new Set([main, ...numbersOf(lines, /^the process id is: (\d+)$/)]).size, 3);
  },
};

function methodsOf(port: string, index: number): (StartMethod | undefined)[] {
  if (asTheyAre.test(port)) return [undefined];
  return areAllWanted ? methods : [methods[index % methods.length]];
}

for (const [index, port] of ports.entries()) {
  const check = checks[Number.parseInt(port, 10)];
  for (const method of methodsOf(port, index)) {
    tap.test(method === undefined ? port : `${port} by ${method}`, async (t) => {
      const flags = method === undefined ? [] : ['--import', preload];
      if (method === 'fork') flags.unshift('--single-threaded');
      // Not among the arguments of the check: where there is none, they would not be evaluated.
      const output = await runExample(t, `ports/${port}`, { flags, env: { STARTED_BY: method } });
      check?.(t, output);
    });
  }
}

tap.test('the table in examples/README.md has them all', (t) => {
  const table = readFileSync(`${root}examples/README.md`, 'utf8');
  const rows = [...table.matchAll(/^\| (\d+) \| .+ \| (.+) \|$/gm)];
  t.strictSame(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: 37 }, (_, row) => row + 1),
  );
  const linked = rows.flatMap(([, , links = '']) =>
    [...links.matchAll(/\]\(ports\/([^)]+)\)/g)].map(([, file]) => file),
  );
  t.strictSame(linked.sort(), ports);
  t.end();
});
