/** The declarations that users get: `test/types/` says what they must allow, and what they must refuse. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import tsd from 'tsd';

t.setTimeout(300_000);

const root = fileURLToPath(new URL('..', import.meta.url));

t.test('declarations', async (t) => {
  const testFiles = readdirSync(`${root}test/types`).map((file) => `test/types/${file}`);
  t.ok(testFiles.length > 0);
  const diagnostics = await tsd.default({ cwd: root, typingsFile: 'dist/index.d.ts', testFiles });
  t.strictSame(
    diagnostics.map(({ fileName, line, message }) => `${fileName}:${line} ${message}`),
    [],
  );
});
