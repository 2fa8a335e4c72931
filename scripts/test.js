// Runs the compiled test files, each as a plain node process, and ends with the line `N passed, N failed`.
//
//   node scripts/test.js [--suite NAME] [--jobs N] [--timeout SECONDS] [--verbose] [--without FILE …] [part of a name …]
//
// A suite is the files that end in `.NAME.ts`: `test` by default; `attack` has the attacks of one user on another.
//
// The files are ordinary tap programs. They are not run by the `tap` command because that starts every test, and every
// node process which a test starts, with module loaders and a thread of their own: CONTRIBUTING.md has the figures.
//
// What is counted are the top-level tests of each file. A file counts one failure more if it prints a process warning,
// runs too long, exits with an error that no test explains, or leaves a process or a segment behind.
//
// Two files run at a time where mount namespaces can be made (by root): each job has a /dev/shm of its own, so that what a
// file leaves is told from what another one uses.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from './test-file.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: 'string', default: 'test' },
    jobs: { type: 'string', short: 'j' },
    timeout: { type: 'string', short: 't', default: '300' },
    verbose: { type: 'boolean', short: 'v', default: false },
    without: { type: 'string', multiple: true, default: [] },
  },
});

const native = 'native.test.js';
const ending = `.${options.suite}.js`;
const files = readdirSync(`${root}/test-dist`, { recursive: true })
  .filter((file) => file.endsWith(ending))
  .filter((file) => !options.without.includes(file.slice(0, -ending.length)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) fatal('no test file has such a name');

/** Runs a command where /dev/shm is empty, and its own. */
const apart = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  ...['mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"', 'sh'],
];
const maxJobs = canBeApart() ? Math.min(2, availableParallelism()) : 1;
const jobs = Math.min(Number(options.jobs ?? maxJobs), files.length);
const fileOptions = { timeout: Number(options.timeout), verbose: options.verbose };
const totals = { passed: 0, failed: 0, skipped: 0 };
const queue = [...files];
const compiled = files.includes(native) ? compileNative() : undefined;
await Promise.all(Array.from({ length: jobs }, worker));

console.log(`\n${totals.passed} passed, ${totals.failed} failed${totals.skipped ? `, ${totals.skipped} skipped` : ''}`);
// A suite may be skipped as a whole, for a reason that was printed.
process.exitCode = totals.failed > 0 || totals.passed + totals.skipped === 0 ? 1 : 0;

async function worker() {
  const place = jobs === 1 ? { run: (file) => run(file, fileOptions), close() {} } : makePlace();
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (file === native) await compiled;
    const result = await place.run(file);
    totals.passed += result.passed;
    totals.failed += result.failed;
    totals.skipped += result.skips.length;
    const mark = result.failed > 0 ? 'FAIL' : 'ok  ';
    console.log(`${mark} ${file.slice(0, -ending.length)}: ${result.passed} passed in ${result.seconds.toFixed(1)} s`);
    for (const skip of result.skips) console.log(`     skipped: ${skip}`);
    for (const detail of result.details) console.log(indent(detail));
    if (result.failed > 0 && result.stderr !== '') console.log(indent(`stderr:\n${result.stderr}`));
  }
  place.close();
}

function canBeApart() {
  const [command, ...args] = [...apart, 'true'];
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** A process with a /dev/shm of its own, which runs files. */
function makePlace() {
  const [command, ...args] = [...apart, process.execPath, `${root}/scripts/test-place.js`];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('exit', (code, signal) => {
    if (code !== 0) fatal(`a job ended with ${signal ?? `exit code ${code}`}`);
  });
  return {
    run: (file) =>
      new Promise((resolve) => {
        child.once('message', resolve);
        child.send({ file, options: fileOptions });
      }),
    close: () => child.disconnect(),
  };
}

/** The C++ test programs, made while the first files run: in a fresh clone that takes a minute and more. */
function compileNative() {
  const child = spawn(process.execPath, [`${root}/scripts/test-native.js`, '--quick', '--build'], { stdio: 'ignore' });
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  // What went wrong, the file that runs them says.
  return new Promise((resolve) => child.on('exit', resolve));
}

function indent(text) {
  return `     ${text.trimEnd().replaceAll(`${root}`, '').replaceAll('\n', '\n     ')}`;
}

function fatal(message) {
  console.error(message);
  process.exit(1);
}
