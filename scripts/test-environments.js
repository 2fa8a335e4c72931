// Tries the package where people use it: under test runners, loaders, bundlers, compilers and other runtimes, each in a
// project of its own with the real tool.
//
//   node scripts/test-environments.js [--node MAJOR] [--jobs N] [--verbose] [part of a name …]
//
// A folder of test/environments is such a project. Its package.json pins the tools, its checks.mjs lists what is run there and
// what has to come of it. The package comes from a tarball as npm packs it. The tools are installed once, in the system's
// temporary folder. A check whose `node` range excludes the running Node is skipped; none is retried.
//
// The last line is `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installNode } from './node-releases.js';
import { pack } from './pack.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixtures = join(root, 'test/environments');
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string' },
    jobs: { type: 'string', short: 'j', default: '2' },
    verbose: { type: 'boolean', short: 'v', default: false },
  },
});
const node = options.node === undefined ? process.execPath : installNode(options.node);
const release = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
const major = Number(release.split('.')[0]);

const names = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
if (names.length === 0) {
  console.error('no environment has such a name');
  process.exit(1);
}

// One folder for each copy of this repository: two of them may be tested at the same time.
const cache = join(tmpdir(), `multiproc-environments-${hash(root)}`);
mkdirSync(cache, { recursive: true });
const packed = installPackage();
const totals = { passed: 0, failed: 0, skipped: 0 };
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}

console.log(`Node ${release}`);
const queue = [...names];
await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
// Checks end by SIGKILL to their process groups: objects of killed processes stay until the next program makes one.
spawnSync(node, [join(packed, 'node_modules/multiproc/dist/command/main.js'), 'sweep'], { stdio: 'ignore' });
rmSync(packed, { recursive: true });
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

async function worker() {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    try {
      await tryEnvironment(name);
    } catch (error) {
      totals.failed++;
      console.log(`FAIL ${name}: ${error.message}`);
    }
  }
}

async function tryEnvironment(name) {
  const { default: checks } = await import(join(fixtures, name, 'checks.mjs'));
  const due = checks.filter(({ node: [least, most] = [0, Infinity] }) => major >= least && major <= most);
  totals.skipped += checks.length - due.length;
  if (due.length === 0) return;
  const project = await makeProject(name);
  for (const check of due) {
    const start = performance.now();
    const faults = await tryCheck(project, check);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    totals[faults.length > 0 ? 'failed' : 'passed']++;
    console.log(`${faults.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${check.title} (${seconds} s)`);
    for (const fault of faults) console.log(fault.replace(/^/gm, '     '));
  }
}

/**
 * Runs one check: `command` (a program of the project's tools, or `node`) with `env`, in `cwd` of the project.
 *
 * Expected are `status` (default 0), and what matches each of `output` (a list of texts and regular expressions) in stdout and stderr
 * together, and nothing that matches one of `never`. `before` is a list of commands that have to succeed first.
 */
async function tryCheck(project, { command, before = [], status = 0, output = [], never = [], ...how }) {
  for (const each of before) {
    const first = await run(project, each, how);
    if (first.status !== 0) return [`${each.join(' ')}: exit code ${first.status}\n${first.output}`];
  }
  const end = await run(project, command, how);
  const faults = [];
  if (end.timedOut) faults.push(`did not end within ${how.seconds ?? 60} s`);
  else if (status === 'failure' ? end.status === 0 : end.status !== status) {
    faults.push(`expected the exit code ${status}, got ${end.status}`);
  }
  for (const one of output) if (!occurs(one, end.output)) faults.push(`expected in the output: ${one}`);
  for (const one of never) if (occurs(one, end.output)) faults.push(`not expected in the output: ${one}`);
  if (faults.length > 0 || options.verbose) faults.push(...(faults.length > 0 ? [end.output] : []));
  if (options.verbose && faults.length === 0) console.log(end.output.replace(/^/gm, '     | '));
  return faults;
}

/** Each check is a process group of its own, and none of it outlives the check. */
function run(project, [program, ...args], { env = {}, cwd = '.', seconds = 60 }) {
  const bin = join(project, 'node_modules/.bin');
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_(?!EXTRA_CA_CERTS$)|CI$|FORCE_COLOR)/i.test(name),
  );
  const child = spawn(program, args, {
    cwd: join(project, cwd),
    env: {
      ...Object.fromEntries(inherited),
      NO_COLOR: '1',
      CI: '1',
      PATH: [dirname(node), bin, process.env.PATH].join(delimiter),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, seconds * 1000);
    child.on('error', (error) => {
      output += `${error}\n`;
    });
    child.on('exit', () => setTimeout(() => endGroup(child), 500).unref());
    child.on('close', (status) => {
      clearTimeout(timer);
      endGroup(child);
      running.delete(child);
      resolve({ status, output, timedOut });
    });
  });
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
}

function occurs(pattern, text) {
  return pattern instanceof RegExp ? pattern.test(text) : text.includes(pattern);
}

/** A copy of the fixture beside the tools that its package.json names, with the package installed. */
async function makeProject(name) {
  const fixture = join(fixtures, name);
  const manifest = readFileSync(join(fixture, 'package.json'), 'utf8');
  const { devDependencies = {} } = JSON.parse(manifest);
  const project = join(cache, `${name}-${hash(JSON.stringify(devDependencies))}`);
  const modules = join(project, 'node_modules');
  const installed = join(project, 'installed');
  if (!existsSync(installed)) {
    rmSync(project, { recursive: true, force: true });
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(project, 'package.json'), manifest);
    if (Object.keys(devDependencies).length > 0) {
      const install = [
        'install',
        '--no-audit',
        '--no-fund',
        '--no-package-lock',
        '--loglevel=error',
        '--prefer-offline',
      ];
      const end = await run(project, ['npm', ...install], { seconds: 240 });
      if (end.status !== 0) throw new Error(`npm could not install its tools:\n${end.output}`);
    }
    writeFileSync(installed, '');
  }
  for (const entry of readdirSync(project)) {
    if (entry !== 'node_modules' && entry !== 'installed') rmSync(join(project, entry), { recursive: true });
  }
  cpSync(fixture, project, { recursive: true });
  for (const each of readdirSync(join(packed, 'node_modules'))) {
    if (each.startsWith('.')) continue;
    rmSync(join(modules, each), { recursive: true, force: true });
    cpSync(join(packed, 'node_modules', each), join(modules, each), { recursive: true });
  }
  return project;
}

/** Installs the packed tarball once, as npm does it; each project gets a copy of that. */
function installPackage() {
  const folder = mkdtempSync(join(cache, 'package-'));
  const { tarball } = pack(folder);
  renameSync(tarball, join(folder, 'multiproc.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', '--prefer-offline'];
  const { status, stderr } = spawnSync('npm', [...install, './multiproc.tgz'], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm could not install the tarball:\n${stderr}`);
  return folder;
}

function hash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
