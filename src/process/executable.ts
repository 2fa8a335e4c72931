/** Which node runs spawned children and the fork server. */
import { resolve } from 'node:path';

let chosen: string | undefined;

/**
 * Sets the node that runs children from now on; the default is this process's. Mirrors `multiprocessing.set_executable`.
 *
 * @param path - of an executable that takes node's arguments
 * @throws TypeError for anything but a string
 */
export function setExecutable(path: string): void {
  if (typeof path !== 'string') throw new TypeError(`Expected "path" to be a string, got ${typeof path}`);
  // The child starts in another directory, perhaps.
  chosen = resolve(path);
}

export function executable(): string {
  return chosen ?? process.execPath;
}
