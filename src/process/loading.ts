/** Whether the code that runs is that of modules which a child loads: such code must not start processes. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { loadedModule } from '../serialize/modules.js';
import { wasPreloaded } from './preload.js';

let loading = false;
let scope: AsyncLocalStorage<boolean> | undefined;

/** Where a storage in use costs nothing; before, each `await` of the process takes 0.1 µs longer. */
const storageIsFree = Number(process.versions.node.split('.')[0]) >= 24;

/**
 * Loads modules of the program in a child. What they leave behind (a main function that goes on after an `await`) counts
 * as their code, too, if the main module is among them.
 *
 * @param main - the URL of the main module
 */
export async function whileLoading<T>(main: string | undefined, load: () => Promise<T>): Promise<T> {
  loading = true;
  // What the fork server loaded has nothing left to do.
  scope = wasPreloaded(main) ? undefined : new AsyncLocalStorage();
  try {
    return await (scope === undefined ? load() : scope.run(true, load));
  } finally {
    loading = false;
    if (!storageIsFree && scope !== undefined && (main === undefined || loadedModule(main) === undefined))
      scope.disable();
  }
}

/**
 * From now on modules are being loaded, whatever runs.
 *
 * @returns a function that says that it is over
 */
export function beginLoading(): () => void {
  loading = true;
  return () => {
    loading = false;
  };
}

export function isLoading(): boolean {
  return loading || scope?.getStore() === true;
}
