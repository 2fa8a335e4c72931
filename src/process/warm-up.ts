/** Preparing to start processes before the first one is wanted. */
import { launcherOf } from './launchers/choose.js';
import type { StartMethod } from './launchers/launcher.js';
import { getStartMethod } from './start-method.js';

/**
 * Prepares for starting processes: with the start method `forkserver` it starts the server, so that the first child does
 * not wait for it. Python has no counterpart.
 *
 * @returns a promise that resolves when the next child starts at full speed
 */
export async function warmUp(method: StartMethod = getStartMethod()): Promise<void> {
  await launcherOf(method)?.warmUp?.();
}
