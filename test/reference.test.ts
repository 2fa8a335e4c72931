/** The reference is built from the docstrings without a warning: no broken link, no type that users meet and cannot look up. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { command } from './harness/program.js';

t.setTimeout(300_000);

t.test('typedoc has nothing to say', async (t) => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const typedoc = command(t, `${root}node_modules/.bin/typedoc`, {
    args: ['--emit', 'none'],
    cwd: root,
    timeout: 290_000,
  });
  const { code } = await typedoc.ended;
  t.equal(code, 0, typedoc.stderr);
});
