/** The launchers, and the choice of the default one. */
import { getLogger } from '../../logging.js';
import { forkLauncher } from './fork.js';
import { forkServerLauncher } from './forkserver.js';
import type { MethodLauncher, StartMethod } from './launcher.js';
import { spawnLauncher } from './spawn.js';

/** In the order of preference. */
const launchers: readonly MethodLauncher[] = [forkServerLauncher, spawnLauncher, forkLauncher];

/** Returns the launcher with this name; `undefined` if there is none. */
export function launcherOf(method: string): MethodLauncher | undefined {
  return launchers.find((launcher) => launcher.method === method);
}

/** Returns the methods that this program can use, in the order of preference. */
export function availableMethods(): StartMethod[] {
  return launchers.filter((launcher) => launcher.unavailable() === undefined).map(({ method }) => method);
}

/** Returns the first method that this program can use; logs why others were skipped. */
export function defaultMethod(): StartMethod {
  for (const { method, unavailable } of launchers) {
    const reason = unavailable();
    if (reason === undefined) return method;
    getLogger().info("not using the start method '%s': %s", method, reason);
  }
  return 'spawn';
}
