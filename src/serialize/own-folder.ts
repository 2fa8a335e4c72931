/** Which modules are this package's own. */
import { existsSync } from 'node:fs';

const entry = new URL('../process/entry/main.js', import.meta.url);
let folder: string | undefined;

/** Whether the module is one of ours. Of none it can be told where a program has this package in a bundle of its own. */
export function isOurs(url: string): boolean {
  folder ??= existsSync(entry) ? new URL('../..', entry).href : '';
  return folder !== '' && url.startsWith(folder);
}
