/** The list of modules that the fork server preloads for its children. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe } from '../options/describe.js';

let preloaded: readonly string[] = [];

/**
 * Names modules for the fork server to load before it makes children, which then find them loaded. Mirrors
 * `multiprocessing.set_forkserver_preload`.
 *
 * They are loaded once, in the server: their top level has run when a child begins, and `isMainProcess` is false.
 * Missing modules are skipped with a process warning; one that throws makes the next `start()` fail. A module that
 * stays busy (an interval, a listening socket, a Worker) would be busy in every child: then nothing is preloaded, and a
 * process warning names it. Unlike in Python, a running server is replaced at the next `start()`.
 *
 * @param modules - URLs, paths (from the working directory), or names of packages (as seen from the main module);
 *   `'main'` for the main module
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

/** Adds a module of this package that is the target of its own processes: the server loads it before all others. */
export function preloadAlways(module: URL): void {
  always.push(module.href);
}

export function alwaysPreloaded(): readonly string[] {
  return always;
}
