/** What the fork server loads once, so that its children have it. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe } from '../options/describe.js';

let preloaded: readonly string[] = [];

/**
 * Names modules for the fork server to load before it makes children, which then find them loaded. Mirrors
 * `multiprocessing.set_forkserver_preload`.
 *
 * They are loaded once, in the server: what their top level does has been done when a child begins, and `isMainProcess`
 * is false. Modules that are not found are passed over with a process warning; one that throws makes the next `start()`
 * fail. What stays busy (an interval, a listening socket, a Worker) would be busy in every child: then nothing is
 * preloaded, and a process warning names it. Other than in Python, a server that runs already is replaced at the next
 * `start()`.
 *
 * @param modules - URLs, paths (from the working directory), or names of packages (as seen from the main module);
 * `'main'` for the main module
 * @throws TypeError for anything but an array of strings and URLs
 */
export function setForkserverPreload(modules: readonly (string | URL)[]): void {
  if (!Array.isArray(modules)) throw new TypeError(`Expected "modules" to be an array, got ${describe(modules)}`);
  preloaded = modules.map((module: unknown) => {
    if (module instanceof URL) return module.href;
    if (typeof module === 'string') return /^\.{0,2}\//.test(module) ? pathToFileURL(resolve(module)).href : module;
    throw new TypeError(`Expected "modules" to hold strings and URLs, got ${describe(module)}`);
  });
}

export function forkserverPreload(): readonly string[] {
  return preloaded;
}

const always: string[] = [];

/** For modules of this package that are the targets of its own processes: loaded in the server before all others. */
export function preloadAlways(module: URL): void {
  always.push(module.href);
}

export function alwaysPreloaded(): readonly string[] {
  return always;
}
