/** Detection of this package's own modules. */
import { existsSync } from 'node:fs';

const entry = new URL('../process/entry/main.js', import.meta.url);
let folder: string | undefined;

/**
 * Whether the module is one of this package. False for all modules if a program has this package in a bundle of its
 * own.
 */
export function isOurs(url: string): boolean {
  folder ??= existsSync(entry) ? new URL('../..', entry).href : '';
  return folder !== '' && url.startsWith(folder);
}
