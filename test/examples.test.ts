/**
 * Every example runs and prints what its comments say (`// → text`, in order), and every snippet in the README and in
 * docs/ that names an example is that file, word for word.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { leaveNothing } from './harness/leftovers.js';
import { command } from './harness/program.js';

t.setTimeout(120_000);
leaveNothing(t);

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = readdirSync(`${root}examples`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();

/** Programs that do not end by themselves, or that another test runs. */
const elsewhere = new Set(['counter/counter.ts']);

for (const example of examples.filter((file) => !elsewhere.has(file))) {
  t.test(`examples/${example}`, async (t) => {
    const source = readFileSync(`${root}examples/${example}`, 'utf8');
    const expected = [...source.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => text);
    const flags = /^\/\/ node (--\S+)/m.exec(source)?.slice(1) ?? [];
    const child = command(t, process.execPath, {
      args: [...flags, `${root}examples-dist/${example.replace(/\.ts$/, '.js')}`],
    });
    for (const text of expected) t.equal(await child.line(), text);
    const { code } = await child.ended;
    t.equal(code, 0, child.stderr);
    if (expected.length > 0) await t.rejects(child.line(), 'nothing more is printed');
  });
}

const pages = ['README.md', ...readdirSync(`${root}docs`).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
);

t.test('snippets are examples', (t) => {
  let snippets = 0;
  for (const page of pages) {
    const text = readFileSync(`${root}${page}`, 'utf8');
    for (const [, file, code] of text.matchAll(/<!-- (examples\/\S+) -->\n+```ts\n([\s\S]*?)```/g)) {
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
