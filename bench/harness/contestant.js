// A contestant: a program that runs in a fresh process and prints its figures as one JSON object on its last line.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program under bench/programs/ for this node. */
export function node(label, program, args = [], { env = {}, execArgv = [] } = {}) {
  return { label, command: () => ({ file: process.execPath, args: [...execArgv, path(program), ...args], env }) };
}

/** A contestant that needs another program on PATH. */
export function needing(tool, contestant) {
  const command = () => (answers(tool, ['--version']) ? contestant.command() : { missing: `no ${tool} on PATH` });
  return { ...contestant, command };
}

/** A program under bench/programs/ for CPython. */
export function python(label, program, args = []) {
  return {
    label,
    command: () => {
      if (!answers('python3', ['-c', 'import multiprocessing.synchronize'])) return { missing: 'no python3 on PATH' };
      return { file: 'python3', args: [path(program), ...args], env: {} };
    },
  };
}

/** A C program under bench/programs/, compiled once for each run of the benchmarks. */
export function c(label, program, args = []) {
  return {
    label,
    command: () => {
      if (!answers('cc', ['--version'])) return { missing: 'no cc on PATH' };
      return { file: compiled(program), args, env: {} };
    },
  };
}

/**
 * Runs a contestant once: its figures, `{ missing }` with the reason why it cannot take part, or, of one that `mayFail`,
 * `{ failed }` with how it ended.
 */
export function run(contestant) {
  const { missing, file, args, env } = contestant.command();
  if (missing !== undefined) return { missing };
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 180_000,
    killSignal: 'SIGKILL',
  });
  if (error) throw error;
  if (status !== 0 && contestant.mayFail) return { failed: `it ended with ${signal ?? status}` };
  if (status !== 0) throw new Error(`${contestant.label} ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1));
}

const known = new Map();

function answers(file, args) {
  if (!known.has(file)) known.set(file, spawnSync(file, args, { stdio: 'ignore' }).status === 0);
  return known.get(file);
}

const binaries = new Map();

function compiled(program) {
  if (!binaries.has(program)) {
    if (binaries.size === 0) makeFolder();
    const binary = join(folder, basename(program, '.c'));
    const { status, stderr } = spawnSync('cc', ['-O2', '-pthread', '-o', binary, path(program)], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cc ${program}:\n${stderr}`);
    binaries.set(program, binary);
  }
  return binaries.get(program);
}

let folder;

function makeFolder() {
  folder = mkdtempSync(join(tmpdir(), 'multiproc-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
}

function path(program) {
  return fileURLToPath(new URL(`../programs/${program}`, import.meta.url));
}
