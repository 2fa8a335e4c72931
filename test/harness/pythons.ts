/** The CPythons of this machine, for tests that share memory with them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Python {
  file: string;
  /** `'3.13'` */
  version: string;
}

/**
 * One of each version with `multiprocessing.shared_memory`, on PATH or installed by pyenv. Before 3.9 a ShareableList was
 * another one in memory.
 */
export function pythons(): Python[] {
  const folder = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const installed = existsSync(folder) ? readdirSync(folder).map((each) => join(folder, each, 'bin', 'python3')) : [];
  const found = new Map<string, Python>();
  for (const file of ['python3', 'python3.12', 'python3.13', 'python3.14', ...installed]) {
    const tell = `from multiprocessing import shared_memory
import sys
assert sys.version_info >= (3, 9)
print('%d.%d' % sys.version_info[:2])`;
    const { status, stdout } = spawnSync(file, ['-c', tell], { encoding: 'utf8' });
    const version = stdout?.trim();
    if (status === 0 && !found.has(version)) found.set(version, { file, version });
  }
  return [...found.values()];
}
