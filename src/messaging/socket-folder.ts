/** Where the socket files of listeners without an address lie: a folder that nobody else can enter. */

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { native } from '../native.js';

/** The kernel's limit for a path, less the folder's name and a file's. */
const longestRoot = 60;

/** A socket that is being made looks abandoned for an instant. */
const youngMs = 10_000;

/** A path for a new socket file, which nobody can guess. */
export function freshSocketPath(): string {
  const root = tmpdir().length <= longestRoot ? tmpdir() : '/tmp';
  return join(privateFolder(root), `listener-${randomBytes(12).toString('hex')}`);
}

function privateFolder(root: string): string {
  const folder = join(root, `multiproc-${native.user()}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const { uid, mode } = lstatSync(folder);
  // Somebody else may have been first with that name, and would then see, or replace, what lies there.
  const ours = uid === native.user() && (mode & 0o170_777) === 0o040_700;
  if (!ours) return mkdtempSync(join(root, `multiproc-${native.user()}-`));
  removeAbandoned(folder);
  return folder;
}

/** What programs left that were killed: the file stays, its socket is gone. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith('listener-')) continue;
    const path = join(folder, name);
    try {
      if (Date.now() - lstatSync(path).mtimeMs > youngMs && !native.socketProbe(path)) unlinkSync(path);
    } catch {
      // Its owner, or another program that looks here, was faster.
    }
  }
}
