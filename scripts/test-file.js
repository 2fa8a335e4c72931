// Runs one compiled test file as a plain node process, and looks for what it leaves behind.
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Parser } from 'tap-parser';
import { leftovers, segments } from '../test-dist/harness/leftovers.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} file below test-dist
 * @param {{ timeout: number, verbose: boolean }} options `timeout` in seconds, unless the file asks for more
 * @returns what came of it, as JSON can hold it
 */
export async function run(file, options) {
  const path = `${root}/test-dist/${file}`;
  const timeout = Math.max(options.timeout, ownTimeout(path));
  const mark = `MULTIPROC_TEST_RUN=${randomUUID()}`;
  const before = segments();
  const start = performance.now();

  const child = spawn(process.execPath, [path], {
    cwd: root,
    env: { ...process.env, ...Object.fromEntries([mark.split('=')]), TAP_TIMEOUT: String(timeout) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const report = readTap(child.stdout);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    if (options.verbose) process.stderr.write(text);
  });
  if (options.verbose) child.stdout.pipe(process.stdout, { end: false });

  // tap ends a test that takes too long by itself and says what keeps it busy; this is for one that blocks its thread.
  let late = false;
  const watchdog = setTimeout(
    () => {
      late = true;
      for (const pid of processes(mark)) kill(pid);
    },
    timeout * 1000 + 15_000,
  );
  const { code, signal } = await ended;
  clearTimeout(watchdog);
  const seconds = (performance.now() - start) / 1000;

  // Left processes first: they may hold the output's pipe open.
  const strays = await left(mark);
  const { passed, failed, skips, details, problems } = await report;
  const unexplained = failed === 0 && (code !== 0 || signal !== null);
  if (late) problems.push(`killed: its thread was still busy ${timeout + 15} s after the start`);
  else if (unexplained) problems.push(`ended with ${signal ?? `exit code ${code}`}`);
  for (const stray of strays) problems.push(`left a process: ${stray}`);
  for (const [warning] of stderr.matchAll(/^\(node:\d+\) .*/gm)) problems.push(`process warning: ${warning}`);
  if (sweeps(path)) spawnSync(process.execPath, [`${root}/dist/command/main.js`, 'sweep'], { stdio: 'ignore' });
  const names = await leftovers(before);
  if (names.length > 0) problems.push(`left in /dev/shm: ${names.join(', ')}`);
  return {
    passed,
    failed: failed + (problems.length > 0 ? 1 : 0),
    skips,
    details: [...details, ...problems],
    stderr,
    seconds,
  };
}

// A handle on its way to a worker that is killed keeps its object until the sender has ended, and somebody sweeps: files
// whose programs end by force in the middle of that say so by `export const sweepAfterwards = true;`.
function sweeps(path) {
  return /^export const sweepAfterwards = true;/m.test(readFileSync(path, 'utf8'));
}

// A file may need more: it says so by `t.setTimeout(…)` at its top level.
function ownTimeout(path) {
  const [, ms = '0'] = /^(?:t|tap)\.setTimeout\(([\d_]+)\);/m.exec(readFileSync(path, 'utf8')) ?? [];
  return Number(ms.replaceAll('_', '')) / 1000;
}

function readTap(stream) {
  const found = { passed: 0, failed: 0, skips: [], details: [], problems: [] };
  const parser = new Parser();
  collectFailures(parser, found.details);
  parser.on('assert', (assert) => {
    if (assert.skip) found.skips.push(`${assert.name} (${assert.skip === true ? 'no reason given' : assert.skip})`);
    else if (assert.ok || assert.todo) found.passed++;
    else found.failed++;
  });
  return new Promise((resolve) => {
    parser.on('complete', (results) => {
      if (results.bailout) found.problems.push(`bailed out: ${results.bailout}`);
      const { skipAll, skipReason } = results.plan;
      // The parser calls a file without any output skipped, too.
      if (skipAll && skipReason !== 'no tests found') found.skips.push(`the whole file (${skipReason})`);
      else if (results.count === 0) found.problems.push('ran no test');
      else if (!results.ok && found.failed === 0) found.problems.push(`is not all right: ${inspect(results.failures)}`);
      resolve(found);
    });
    stream.pipe(parser);
  });
}

// Collects the innermost failures: a failed subtest is told by the assertions that failed in it.
function collectFailures(parser, details) {
  let told = details.length;
  parser.on('child', (child) => collectFailures(child, details));
  parser.on('assert', ({ ok, skip, todo, fullname, name, diag }) => {
    const summary = details.length > told;
    told = details.length;
    if (ok || skip || todo || summary) return;
    details.push(`${fullname || name}${explain(diag)}`);
    told = details.length;
  });
}

// What tap tells of a failure, but for the position, which the stack repeats.
function explain(diag) {
  const { at, ...facts } = diag || {};
  return Object.entries(facts)
    .map(
      ([key, fact]) =>
        `\n  ${key}: ${typeof fact === 'string' ? `\n${fact}`.trimEnd().replaceAll('\n', '\n    ') : inspect(fact)}`,
    )
    .join('');
}

// Waits a little for processes that the file started and that are about to end; kills and names those that stay.
async function left(mark) {
  const deadline = performance.now() + 5000;
  for (;;) {
    const pids = processes(mark);
    if (pids.length === 0) return [];
    if (performance.now() > deadline) {
      const strays = pids.map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
      for (const pid of pids) kill(pid);
      return strays;
    }
    await sleep(20);
  }
}

function processes(mark) {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && read(`/proc/${entry}/environ`).includes(mark))
    .map(Number);
}

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // It ended meanwhile, or belongs to another user.
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
