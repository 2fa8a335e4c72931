/** The target of a process, as a function or by its module. */

import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe } from '../options/describe.js';
import { kind } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { exportOf, importedModule, importModule } from '../serialize/modules.js';
import { standIn, testsWouldRun } from '../serialize/references.js';
import { holdsTests } from '../serialize/test-files.js';
import { mainUrl } from './main-module.js';

/** A function by its place: the default export of a module, or a named one. */
export interface ModuleTarget {
  /** A URL, an absolute path, a path that begins with `./` or `../` (from the working directory), or a package's name. */
  readonly module: URL | string;
  /** Default `'default'`. */
  readonly export?: string | undefined;
}

/** The target of a process. */
export type Target = ((...args: never[]) => unknown) | ModuleTarget;

const targetOptions = new OptionTable<ModuleTarget>({
  module: kind<URL | string>('a URL or a string', (value) => typeof value === 'string' || value instanceof URL),
  export: kind<string>('a string', (value) => typeof value === 'string'),
});

/** A function of these arguments and this result, or its place. */
export type TargetOf<A extends unknown[], R> = ((...args: A) => R) | ModuleTarget;

type Callable = (...args: never[]) => unknown;

/**
 * Checks a target.
 *
 * @throws TypeError for anything but a function, a module's function, or `undefined`
 */
export function checkTarget(target: unknown, called = 'target'): Target | undefined {
  if (target === undefined || target === null) return undefined;
  if (typeof target === 'function') return target as Callable;
  if (typeof target !== 'object') throw noTarget(target, called);
  const { module, export: name } = target as Partial<ModuleTarget>;
  if (!(typeof module === 'string' || module instanceof URL)) {
    throw noTarget(target, called);
  }
  targetOptions.check(target as ModuleTarget, `"${called}"`);
  const url = moduleUrl(module);
  if (holdsTests(url)) throw new TypeError(`"${called}" names ${url}, and ${testsWouldRun}`);
  return { module: url, export: name };
}

/**
 * Returns the function to send for a target that travels in messages, as those of a pool's tasks do.
 *
 * @param called name of the target in errors
 * @throws TypeError for anything but a function or the place of one in a file
 */
export function travellingTarget(target: unknown, called: string): Callable {
  const checked = checkTarget(target, called);
  if (typeof checked === 'function') return checked;
  if (checked === undefined) throw noTarget(target, called);
  const module = String(checked.module);
  if (!module.startsWith('file:')) {
    throw new TypeError(
      `Expected "${called}.module" to be a file, got ${module}: export a function of your own that uses it`,
    );
  }
  return standIn(module, checked.export ?? 'default');
}

function noTarget(target: unknown, called: string): TypeError {
  return new TypeError(`Expected "${called}" to be a function or { module, export? }, got ${describe(target)}`);
}

/** Whether the target's module is loaded. */
export function isAtHand(target: Target | undefined): boolean {
  return typeof target !== 'object' || importedModule(String(target.module)) !== undefined;
}

/** Returns the function itself, in the process that is to run it. */
export async function findTarget(target: Target): Promise<Callable> {
  if (typeof target === 'function') return target;
  const name = target.export ?? 'default';
  const module = String(target.module);
  const found = exportOf(importedModule(module) ?? (await importModule(module)), name);
  if (typeof found !== 'function') {
    throw new TypeError(`Expected the export "${name}" of ${target.module} to be a function, got ${describe(found)}`);
  }
  return found as Callable;
}

function moduleUrl(module: URL | string): string {
  if (module instanceof URL) return module.href;
  if (isAbsolute(module)) return pathToFileURL(module).href;
  if (/^\.\.?\//.test(module)) return pathToFileURL(resolve(module)).href;
  if (/^(?:file|node|data):/.test(module)) return module;
  const from = mainUrl() ?? pathToFileURL(join(process.cwd(), 'main.js'));
  return pathToFileURL(createRequire(from).resolve(module)).href;
}
