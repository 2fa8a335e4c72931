// Runs the test suite under other releases of Node: `npm run test:nodes [-- 20 26]`, by default all that are supported.
//
// The addon is not compiled again: one binary serves every Node, and that is what is tested. The C++ programs of
// test/native have no Node inside and are left to `npm test`.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installNode } from './node-releases.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const arguments_ = process.argv.slice(2);
const majors = arguments_.filter((argument) => /^\d+$/.test(argument));
const others = arguments_.filter((argument) => !/^\d+$/.test(argument));

const failed = (majors.length > 0 ? majors : ['20', '22', '24', '26']).filter((major) => {
  const node = installNode(major);
  console.log(`\nNode ${run(node, ['--version'], { stdio: 'pipe' }).stdout.trim()}`);
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path };
  return run(node, ['scripts/test.js', '--without', 'native', ...others], { env }).status !== 0;
});
if (failed.length > 0) {
  console.error(`failed under Node ${failed.join(', ')}`);
  process.exitCode = 1;
}

function run(file, args, options) {
  return spawnSync(file, args, { cwd: root, stdio: 'inherit', encoding: 'utf8', ...options });
}
