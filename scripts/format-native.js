// Formats the C and C++ sources with clang-format; with `--check`, fails where one is not formatted.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getNativeBinary } from 'clang-format';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = ['native', 'test', 'bench', 'examples']
  .filter((folder) => existsSync(`${root}/${folder}`))
  .flatMap((folder) => readdirSync(`${root}/${folder}`, { recursive: true }).map((file) => `${folder}/${file}`))
  .filter((file) => /\.(cc|c|h)$/.test(file));
const how = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
const { status, error } = spawnSync(getNativeBinary(), [...how, ...files], { cwd: root, stdio: 'inherit' });
if (error) throw error;
process.exitCode = status ?? 1;
