/**
 * Every example runs and prints what its comments say, and every snippet in the README and in docs/ that names an example
 * is that file, word for word. The ports of Python programs have a test of their own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { root, runExample } from './harness/example.js';
import { leaveNothing } from './harness/leftovers.js';

t.setTimeout(400_000);
leaveNothing(t);

const examples = readdirSync(`${root}examples`, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(?:ts|mjs)$/.test(file))
  .sort();

/** Programs that do not end by themselves, or that another test runs. */
const elsewhere = new Set([
  'counter/counter.ts',
  'managers/remote-client.ts',
  'managers/remote-server.ts',
  'services/cluster.ts',
]);

for (const example of examples.filter((file) => !elsewhere.has(file) && !file.startsWith('ports/'))) {
  t.test(`examples/${example}`, async (t) => {
    await runExample(t, example);
  });
}

const pages = ['README.md', ...readdirSync(`${root}docs`).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
);

t.test('snippets are examples', (t) => {
  let snippets = 0;
  for (const page of pages) {
    const text = readFileSync(`${root}${page}`, 'utf8');
    for (const [, file, code] of text.matchAll(/<!-- (examples\/\S+) -->\n+```(?:ts|js)\n([\s\S]*?)```/g)) {
      snippets++;
      t.equal(code, readFileSync(`${root}${file}`, 'utf8'), `${page}: ${file}`);
    }
    const all = [...text.matchAll(/^```ts$/gm)].length;
    const named = [...text.matchAll(/<!-- examples\/\S+ -->\n+```ts$/gm)].length;
    t.equal(named, all, `${page}: every snippet names its example`);
  }
  t.ok(snippets > 0);
  t.end();
});
