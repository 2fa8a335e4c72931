// Keeps of the declarations that tsc wrote to dist/ those which users can come to from the package's entries, indented by tabs.
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap(({ types }) => (types === undefined ? [] : [join(root, types)]));

const wanted = new Set();
for (const entry of entries) follow(entry);
for (const file of readdirSync(join(root, 'dist'), { recursive: true })) {
  const path = join(root, 'dist', file);
  if (file.endsWith('.d.ts') && !wanted.has(path)) rmSync(path);
}
removeEmptyFolders(join(root, 'dist'));

function follow(file) {
  if (wanted.has(file)) return;
  wanted.add(file);
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4)),
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
