// Looks at the tarball that would be published: publint, @arethetypeswrong/cli, and how large it is installed.
//
// It packs what is in dist/ and prebuilds/ now.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'multiproc-check-'));
try {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [packed] = JSON.parse(run('npm', pack, { stdio: ['ignore', 'pipe', 'inherit'] }));
  const tarball = join(folder, packed.filename);
  run('publint', ['--strict', tarball]);
  run('attw', [tarball]);

  const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
  const size = (start) =>
    packed.files.filter(({ path }) => path.startsWith(start)).reduce((sum, { size }) => sum + size, 0);
  const parts = ['dist/', 'native/', 'prebuilds/'].map((part) => `${part} ${kib(size(part))}`).join(', ');
  console.log(`Download ${kib(packed.size)}; installed ${kib(packed.unpackedSize)}: ${parts}`);
} finally {
  rmSync(folder, { recursive: true });
}

function run(file, args, options) {
  const path = `${root}node_modules/.bin:${process.env.PATH}`;
  const { status, stdout } = spawnSync(file, args, {
    cwd: root,
    stdio: 'inherit',
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
    ...options,
  });
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  return stdout;
}
