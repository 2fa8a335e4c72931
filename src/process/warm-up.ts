/** Preparation of process starts before the first one. */
import { launcherOf } from './launchers/choose.js';
import type { StartMethod } from './launchers/launcher.js';
import { isLoading } from './loading.js';
import { getStartMethod } from './start-method.js';

/**
 * Prepares for starting processes: with the start method `forkserver` it starts the server, so that the first child does
 * not wait for it. Does nothing while the modules of a child are loaded. Python has no counterpart.
 *
 * @returns a promise that resolves when the next child starts at full speed
 */
export async function warmUp(method: StartMethod = getStartMethod()): Promise<void> {
  // A main module without a guard: a fork server that loads it would start the next one, without end.
  if (isLoading()) return;
  await launcherOf(method)?.warmUp?.();
}
