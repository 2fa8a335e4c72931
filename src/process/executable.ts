/** Which node runs spawned children and the fork server. */
import { Buffer } from 'node:buffer';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unexpected } from '../options/kinds.js';

let chosen: string | undefined;

/**
 * Sets the node that runs children from now on; the default is this process's. Mirrors `multiprocessing.set_executable`.
 *
 * @param path - of an executable that takes node's arguments, as Node's own functions take paths: a string, its bytes or a
 *   `file:` URL
 * @throws TypeError for anything else
 */
export function setExecutable(path: string | Uint8Array | URL): void {
  // The child starts in another directory, perhaps.
  chosen = resolve(textOf(path));
}

function textOf(path: unknown): string {
  if (typeof path === 'string') return path;
  if (path instanceof URL) return fileURLToPath(path);
  if (path instanceof Uint8Array) return Buffer.from(path).toString();
  throw unexpected('path', 'a string, bytes or a URL', path);
}

export function executable(): string {
  return chosen ?? process.execPath;
}
