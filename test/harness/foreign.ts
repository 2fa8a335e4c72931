/** The other languages on this machine: CPython and a C compiler, where there are any. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './program.js';

export interface Python {
  command: string;
  version: [major: number, minor: number];
}

/** The newest CPython on PATH that is at least this new; undefined if there is none. */
export function findPython(least: [number, number]): Python | undefined {
  const onPath = ['python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3'];
  const found = [...onPath, ...ofPyenv()].flatMap((command) => {
    const { status, stdout } = spawnSync(command, ['-c', 'import sys; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    if (status !== 0) return [];
    const [major = 0, minor = 0] = stdout.split(' ').map(Number);
    return [{ command, version: [major, minor] as [number, number] }];
  });
  return found.find(({ version }) => version[0] === least[0] && version[1] >= least[1]);
}

/** What pyenv has installed, newest first. */
function ofPyenv(): string[] {
  const folder = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  if (!existsSync(folder)) return [];
  const versions = readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return versions.map((version) => join(folder, version, 'bin', 'python3')).filter((file) => existsSync(file));
}

/** Whether there is a C compiler. */
export function hasCompiler(): boolean {
  return spawnSync('cc', ['--version']).status === 0;
}

/** Compiles a C program and returns its path; it is removed when the test ends. */
export function compile(t: Scope, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [input, output] = [join(folder, 'program.c'), join(folder, 'program')];
  writeFileSync(input, source);
  const { status, stderr } = spawnSync('cc', ['-O1', '-Wall', '-pthread', '-o', output, input, '-lrt'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cc failed:\n${stderr}`);
  return output;
}
