/** Where the socket files of listeners without an address lie: a folder that no other user can enter. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemError } from '../errors.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { native } from '../native.js';
import { printableName } from '../printable.js';
import { wallClock } from '../timing.js';

/** The kernel's limit for a path, less the folder's name and a file's. */
const longestRoot = 60;

/** A socket that is being made looks abandoned for an instant. */
const youngMs = 10_000;

/**
 * A path for a new socket file, which no other user can guess, or replace.
 *
 * @throws SystemError if neither TMPDIR nor /tmp can be used
 */
export function freshSocketPath(): string {
  return join(privateFolder(), `listener-${randomBytes(12).toString('hex')}`);
}

function privateFolder(): string {
  const failures: string[] = [];
  let first: NodeJS.ErrnoException | undefined;
  for (const root of new Set([tmpdir(), '/tmp'])) {
    try {
      return folderIn(root);
    } catch (error) {
      first ??= error as NodeJS.ErrnoException;
      failures.push(`${printableName(root)} (${(error as Error).message})`);
    }
  }
  const { code = 'EACCES', errno = -13, syscall = 'mkdir' } = first as NodeJS.ErrnoException;
  throw new SystemError(
    `${code}: no folder can hold the socket of a listener without an address: tried ${failures.join(', ')}. Set TMPDIR to a ` +
      'folder that this user can write, or give the listener an address',
    { code, errno: Math.abs(errno), syscall, path: tmpdir(), cause: first },
  );
}

/** Folders that were made because another user has the usual name; by the folder that they are in. */
const spare = new Map<string, string>();

function folderIn(root: string): string {
  if (root.length > longestRoot) throw new RangeError(`longer than ${longestRoot} characters`);
  checkRoot(root);
  const usual = join(root, `multiproc-${process.geteuid?.()}`);
  try {
    mkdirSync(usual, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const folder = [usual, spare.get(root)].find((each) => each !== undefined && isPrivate(each));
  if (folder === undefined) {
    // Another user was first with that name, and would see, or replace, what lies there.
    const made = mkdtempSync(`${usual}-`);
    spare.set(root, made);
    return made;
  }
  removeAbandoned(folder);
  return folder;
}

/** In a folder where others may rename what is not theirs, they could put another folder in the place of a private one. */
function checkRoot(root: string): void {
  const { uid, mode } = statSync(root);
  const trusted = uid === 0 || uid === process.geteuid?.();
  if (trusted && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0)) return;
  throw new Error(`user ${uid} or others could replace what lies there, as its mode is ${(mode & 0o7777).toString(8)}`);
}

function isPrivate(folder: string): boolean {
  const status = lstatSync(folder, { throwIfNoEntry: false });
  return status?.uid === process.geteuid?.() && ((status?.mode ?? 0) & 0o170_777) === 0o040_700;
}

/** What programs left that were killed: the file stays, its socket is gone. */
function removeAbandoned(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return; // Another program may have removed the folder; making the socket tells.
  }
  for (const name of names) {
    if (!name.startsWith('listener-')) continue;
    const path = join(folder, name);
    try {
      if (wallClock() - lstatSync(path).mtimeMs > youngMs && !native.socketProbe(path)) unlinkSync(path);
    } catch {
      // Its owner, or another program that looks here, was faster.
    }
  }
}
