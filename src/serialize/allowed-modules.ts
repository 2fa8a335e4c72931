/** The modules that a program allows messages of other machines and users to name. */

import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { checkedBy, type Kind } from '../options/kinds.js';

/** Modules by the URLs or absolute paths of their files. */
export type ModuleNames = readonly (string | URL)[];

/** The result of `readModules`: the URLs by which messages may name the modules. */
export class AllowedModules extends Set<string> {}

const none = new AllowedModules();

/**
 * Reads the option `modules`, unless that was done before.
 *
 * @throws TypeError for anything but a list of strings and URLs; ValueError for what names no file
 */
export function readModules(modules: unknown): AllowedModules {
  if (modules === undefined || modules === null) return none;
  if (modules instanceof AllowedModules) return modules;
  if (!Array.isArray(modules)) {
    throw new TypeError(`Expected "modules" to be an array of URLs and absolute paths, got ${describe(modules)}`);
  }
  return new AllowedModules(modules.flatMap((module, index) => urlsOf(module, `modules[${index}]`)));
}

/** The option `modules`. */
export const modulesKind: Kind<ModuleNames> = checkedBy((value) => void readModules(value));

/** Its own URL, and that of the file behind links: Node names a module by the latter. */
function urlsOf(module: unknown, name: string): string[] {
  if (!(typeof module === 'string' || module instanceof URL)) {
    throw new TypeError(`Expected "${name}" to be a URL or an absolute path, got ${describe(module)}`);
  }
  const url = canonical(String(module), name);
  try {
    return [url, pathToFileURL(realpathSync(fileURLToPath(url))).href];
  } catch {
    // It is not there yet: loading it will say so.
    return [url];
  }
}

function canonical(module: string, name: string): string {
  if (isAbsolute(module)) return pathToFileURL(module).href;
  try {
    const url = new URL(module);
    if (url.protocol === 'file:') return pathToFileURL(fileURLToPath(url)).href + url.search + url.hash;
  } catch {
    // No URL, or none of a file of this machine.
  }
  throw new ValueError(`Expected "${name}" to be the file: URL or the absolute path of a module, got '${module}'`);
}
