/** What the fork server loads once, so that its children have it. */

let preloaded: readonly string[] = [];

/**
 * Names modules that the fork server loads when it starts: every child then has them at no cost. For a server that runs
 * already it comes too late. Mirrors `multiprocessing.set_forkserver_preload`.
 *
 * @param modules - URLs, absolute paths, or names of packages; `'main'` for the main module, whose top level then runs once
 * in the server
 * @throws TypeError for anything but an array of strings and URLs
 */
export function setForkserverPreload(modules: readonly (string | URL)[]): void {
  if (!Array.isArray(modules)) throw new TypeError(`Expected "modules" to be an array, got ${typeof modules}`);
  preloaded = modules.map((module: unknown) => {
    if (typeof module === 'string') return module;
    if (module instanceof URL) return module.href;
    throw new TypeError(`Expected "modules" to hold strings and URLs, got ${module === null ? 'null' : typeof module}`);
  });
}

export function forkserverPreload(): readonly string[] {
  return preloaded;
}
