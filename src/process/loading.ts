/** Whether the code that runs is that of modules which a child loads: such code must not start processes. */
import { AsyncLocalStorage } from 'node:async_hooks';

let loading = false;
let scope: AsyncLocalStorage<boolean> | undefined;

/**
 * Loads modules of the program in a child.
 *
 * @param followUp - whether what they leave behind (a main function that goes on after an `await`) counts, too. It costs
 * every later `await` of the process a little.
 */
export async function whileLoading<T>(load: () => Promise<T>, followUp: boolean): Promise<T> {
  loading = true;
  try {
    if (!followUp) return await load();
    scope = new AsyncLocalStorage();
    return await scope.run(true, load);
  } finally {
    loading = false;
  }
}

export function isLoading(): boolean {
  return loading || scope?.getStore() === true;
}
