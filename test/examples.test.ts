/**
 * Every example runs and prints what its comments say, and every snippet in the README and in docs/ that names an example
 * is that file, word for word.
 *
 * A comment `// → text` is a line; `// → /pattern/` a line that matches; `// 10 × → …` ten of them. They come in the order of
 * the comments, unless one says `// In any order:`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { leaveNothing } from './harness/leftovers.js';
import { command } from './harness/program.js';

t.setTimeout(400_000);
leaveNothing(t);

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = readdirSync(`${root}examples`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();

/** Programs that do not end by themselves, or that another test runs. */
const elsewhere = new Set(['counter/counter.ts', 'managers/remote-client.ts', 'managers/remote-server.ts']);

for (const example of examples.filter((file) => !elsewhere.has(file))) {
  t.test(`examples/${example}`, async (t) => {
    const source = readFileSync(`${root}examples/${example}`, 'utf8');
    const expected = expectedOf(source);
    const flags = /^\/\/ node (--\S+)/m.exec(source)?.slice(1) ?? [];
    const child = command(t, process.execPath, {
      args: [...flags, `${root}examples-dist/${example.replace(/\.ts$/, '.js')}`],
    });
    for (let left = expected; left.length > 0; ) {
      const line = await child.line();
      const found = left.findIndex((each) => each.test(line));
      const fits = source.includes('// In any order:') ? found >= 0 : found === 0;
      t.ok(fits, `${JSON.stringify(line)} is one of ${left.slice(0, 5).join(' ')}`);
      if (!fits) return;
      left = left.filter((_, index) => index !== found);
    }
    const { code } = await child.ended;
    t.equal(code, 0, child.stderr);
    if (expected.length > 0) await t.rejects(child.line(), 'nothing more is printed');
  });
}

function expectedOf(source: string): RegExp[] {
  return [...source.matchAll(/\/\/ (?:(\d+) × )?→ (.*)$/gm)].flatMap(([, times = '1', text = '']) => {
    const pattern = /^\/(.+)\/$/.exec(text)?.[1] ?? `^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`;
    return Array<RegExp>(Number(times)).fill(new RegExp(pattern));
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
