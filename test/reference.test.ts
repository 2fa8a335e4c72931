/** The reference in docs/api: built without a warning (a broken link, a type that has no page), and current. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { command } from './harness/program.js';

t.setTimeout(300_000);

const root = fileURLToPath(new URL('..', import.meta.url));
const cure = 'run `npm run docs:api`, and commit docs/api';

t.test('the pages of docs/api are those that typedoc makes of the docstrings', async (t) => {
  const built = mkdtempSync(join(tmpdir(), 'multiproc-api-'));
  t.teardown(() => rmSync(built, { recursive: true }));
  const typedoc = command(t, `${root}node_modules/.bin/typedoc`, {
    args: ['--out', built],
    cwd: root,
    timeout: 290_000,
  });
  const { code } = await typedoc.ended;
  t.equal(code, 0, typedoc.stderr);
  const committed = pages(join(root, 'docs/api'));
  const current = pages(built);
  t.strictSame([...committed.keys()], [...current.keys()], cure);
  for (const [name, text] of current) {
    if (committed.get(name) !== text) t.fail(`docs/api/${name} is not current: ${cure}`);
  }
});

function pages(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
