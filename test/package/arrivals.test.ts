/** A child knows every class whose objects may arrive in its arguments. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../src/', import.meta.url);

t.test('the entry of children imports each of them', async (t) => {
  const entry = readFileSync(new URL('process/entry/classes.ts', root), 'utf8');
  const registering = ['messaging', 'shared', 'sync'].flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .map((file) => `${folder}/${file}`)
      .filter((file) => /^registerArrival\(/m.test(readFileSync(new URL(file, root), 'utf8'))),
  );
  t.ok(registering.length > 10);
  const imported = [...entry.matchAll(/^import '\.\.\/\.\.\/(.*)\.js';$/gm)].map(([, file]) => `${file}.ts`);
  t.strictSame(imported.sort(), registering.sort());
});

t.test('those of upper floors are loaded when the first of their objects arrives', async (t) => {
  const handles = readFileSync(new URL('serialize/handles.ts', root), 'utf8');
  const homes = [...handles.matchAll(/'\.\.\/((?:managers|pool|dummy)\/.*)\.js'/g)].map(([, file]) => `${file}.ts`);
  const registering = ['managers', 'pool', 'dummy'].flatMap((folder) =>
    (existsSync(new URL(folder, root)) ? readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }) : [])
      .map((file) => `${folder}/${file}`)
      .filter((file) => file.endsWith('.ts') && /^registerArrival\(/m.test(readFileSync(new URL(file, root), 'utf8'))),
  );
  t.strictSame(homes.sort(), registering.sort());
});
