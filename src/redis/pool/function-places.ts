/** Functions by their module and name, for machines that have the same modules in other folders. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe } from '../../options/describe.js';
import { travellingTarget } from '../../process/target.js';
import { serialize } from '../../serialize/codec.js';
import { exportOf, importModule } from '../../serialize/modules.js';
import { findReference } from '../../serialize/references.js';
import { registeredAs } from '../../serialize/registered.js';
import type { TaskData } from './task-data.js';

const packages = `node_modules${sep}`;

/** A function as other machines find it. */
export type FunctionPlace = Pick<TaskData, 'module' | 'export' | 'registered'>;

/**
 * Describes a function.
 *
 * @param root the folder that stands for the workers' `--root`
 * @throws TypeError for what no module shows, and for a module outside of the root and of packages
 */
export function placeOfFunction(target: unknown, root: string): FunctionPlace & { name: string } {
  const fn = travellingTarget(target, 'fn');
  const reference = findReference(fn);
  // Throws: says why it cannot travel, and the cure.
  if ('what' in reference) serialize(fn, 'fn');
  const { module, export: name, registered } = reference as Exclude<typeof reference, { what: string }>;
  return { module: placeOfModule(fileURLToPath(module), root), export: name, registered, name: fn.name };
}

function placeOfModule(file: string, root: string): string {
  const path = relative(realpathSync(root), file);
  if (!path.startsWith('..') && !path.includes(packages)) return `./${path}`;
  const at = file.lastIndexOf(packages);
  if (at >= 0) return `npm:${file.slice(at + packages.length)}`;
  throw new TypeError(
    `Expected the module of "fn" to be in a package or below the root ${root}, got ${file}: give the pool the option ` +
      '"root", the folder that workers get by --root',
  );
}

/**
 * Loads a function on a worker's machine.
 *
 * @throws TypeError if the module or the function is not there, naming both and the root
 */
export async function functionAt(place: FunctionPlace, root: string): Promise<(...args: unknown[]) => unknown> {
  const file = fileOf(place.module, root);
  if (file === undefined) {
    const where = place.module.startsWith('npm:') ? 'in the node_modules folders of' : 'below';
    throw new TypeError(
      `The worker lacks the module ${place.module}: it is not ${where} the root ${root}. Install it there, or start ` +
        'the worker with another --root',
    );
  }
  const exports = await importModule(pathToFileURL(file).href);
  const { registered } = place;
  const found = registered === undefined ? exportOf(exports, place.export as string) : registeredAs(registered)?.fn;
  if (typeof found === 'function') return found as (...args: unknown[]) => unknown;
  const what = registered === undefined ? `the export ${place.export}` : `a function registered as '${registered}'`;
  throw new TypeError(
    `The worker's module ${file} has not ${what}, got ${describe(found)}: is that another version of it?`,
  );
}

function fileOf(module: string, root: string): string | undefined {
  const base = realpathSync(root);
  if (module.startsWith('npm:')) {
    for (let folder = base; ; folder = dirname(folder)) {
      const file = inside(join(folder, 'node_modules'), module.slice(4));
      if (file !== undefined) return file;
      if (folder === dirname(folder)) return undefined;
    }
  }
  return inside(base, module);
}

/** The file, unless it is missing or outside of the folder. */
function inside(folder: string, path: string): string | undefined {
  const file = resolve(folder, path);
  return file.startsWith(folder === sep ? sep : folder + sep) && existsSync(file) ? realpathSync(file) : undefined;
}
