/** Programs outside of this repository that use the package. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scope } from './program.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A folder with files in which `multiproc` is this package. */
export function folder(t: Scope, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'multiproc-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(root, join(path, 'node_modules', 'multiproc'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Whether this Node runs TypeScript without being told to. */
export const stripsTypes = major >= 24 || (major === 22 && minor >= 18);
