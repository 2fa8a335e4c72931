// Makes the binary that the package ships: `node scripts/prebuild.js [arm64]`, by default for this processor.
//
// It is built in a folder of its own, so that build/ keeps what is being worked on, and lands in
// prebuilds/linux-<arch>/multiproc.<libc>.node. For another processor it takes Debian's cross compiler, for example that
// of g++-aarch64-linux-gnu; CC, CXX and STRIP name others.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const triplets = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const arch = process.argv[2] ?? process.arch;
if (!Object.hasOwn(triplets, arch)) throw new Error(`Expected one of ${Object.keys(triplets)}, got ${arch}`);

const folder = mkdtempSync(join(tmpdir(), 'multiproc-prebuild-'));
try {
  for (const each of ['native', 'binding.gyp', 'package.json']) {
    cpSync(join(root, each), join(folder, each), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/prebuildify'),
    ['--napi', '--strip', '--tag-libc', `--arch=${arch}`, `--target=${process.versions.node}`, `--out=${root}`],
    { cwd: folder, stdio: 'inherit', env: { ...process.env, ...tools() } },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}

function tools() {
  if (arch === process.arch) return {};
  const prefix = triplets[arch];
  const { CC = `${prefix}-gcc`, CXX = `${prefix}-g++`, STRIP = `${prefix}-strip` } = process.env;
  return { CC, CXX, PREBUILD_STRIP_BIN: STRIP };
}
