// Keeps of the declarations that tsc wrote to dist/ those which users can come to from the package's entries, indented by tabs.
//
// They are written as `….d.cts`, for programs that are CommonJS: TypeScript takes a `.d.ts` of this package for an ES module, which
// it lets such programs import but not require (TS1479). ES modules can import both, so the `.d.ts` of an entry only passes on what
// its `.d.cts` declares.
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap(({ import: its }) => (its === undefined ? [] : [join(root, its.types)]));

const wanted = new Set();
for (const entry of entries) follow(entry);
for (const file of readdirSync(join(root, 'dist'), { recursive: true })) {
  if (file.endsWith('.d.ts')) rmSync(join(root, 'dist', file));
}
for (const entry of entries) writeFileSync(entry, `export * from './${basename(entry, '.d.ts')}.cjs';\n`);
removeEmptyFolders(join(root, 'dist'));

function follow(file) {
  if (wanted.has(file)) return;
  wanted.add(file);
  const text = readFileSync(file, 'utf8');
  const kept = text
    .replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4))
    // The members that it asks for are internal, and not declared.
    .replace(/ implements Traveller(?= \{)|(?<=implements )Traveller, /g, '');
  writeFileSync(
    file.replace(/\.ts$/, '.cts'),
    kept.replace(/(\b(?:from|import) *\(?['"]\.[^'"]+)\.js(?=['"])/g, '$1.cjs'),
  );
  for (const [, path] of text.matchAll(/\b(?:from|import) *\(?['"](\.[^'"]+)\.js['"]/g)) {
    follow(join(dirname(file), `${path}.d.ts`));
  }
}

function removeEmptyFolders(folder) {
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    removeEmptyFolders(join(folder, name));
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
