// Runs the example whose path contains the word, with the options of node that it asks for: `npm run example semaphore`.
//
// A number is a row of the table in examples/README.md: its programs run one after the other. Of several that fit a word, the
// one whose file is called so is meant.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [word, ...args] = process.argv.slice(2);
const examples = readdirSync(`${root}examples`, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(?:ts|mjs)$/.test(file))
  .map((file) => file.replace(/\.ts$/, ''))
  .sort();

const found = matching(word);
if (found.length === 0 || (found.length > 1 && !isNumber(word))) {
  const which = found.length === 0 ? examples : found;
  console.error(`usage: npm run example NAME, where NAME is, or is part of, one of\n  ${which.join('\n  ')}`);
  process.exitCode = 2;
} else {
  for (const example of found) process.exitCode ||= run(example);
}

function run(example) {
  const isJavaScript = example.endsWith('.mjs');
  const source = readFileSync(`${root}examples/${example}${isJavaScript ? '' : '.ts'}`, 'utf8');
  const flags = /^\/\/ node (--\S+)/m.exec(source)?.slice(1) ?? [];
  const program = `${root}examples-dist/${example}${isJavaScript ? '' : '.js'}`;
  const { status } = spawnSync(process.execPath, [...flags, program, ...args], { stdio: 'inherit' });
  return status ?? 1;
}

function isNumber(word) {
  return /^\d+$/.test(word);
}

function matching(word) {
  if (word === undefined) return [];
  if (isNumber(word)) return rows(Number(word));
  const exact = examples.filter((file) => file === word || basename(file, '.mjs') === word);
  return exact.length > 0 ? exact : examples.filter((file) => file.includes(word));
}

/** The examples of that row, which the table links to. */
function rows(number) {
  const table = readFileSync(`${root}examples/README.md`, 'utf8');
  const [, links = ''] = new RegExp(`^\\| ${number} \\|(.*)$`, 'm').exec(table) ?? [];
  return [...links.matchAll(/\]\(([\w/-]+)\.ts\)/g)].map(([, file]) => file);
}
