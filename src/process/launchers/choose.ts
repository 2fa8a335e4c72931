/** The launchers that there are, and which of them is the default. */
import { getLogger } from '../../logging.js';
import { forkLauncher } from './fork.js';
import { forkServerLauncher } from './forkserver.js';
import type { MethodLauncher, StartMethod } from './launcher.js';
import { spawnLauncher } from './spawn.js';

/** In the order of preference. */
const launchers: readonly MethodLauncher[] = [forkServerLauncher, spawnLauncher, forkLauncher];

/** The launcher with this name; `undefined` if there is none. */
export function launcherOf(method: string): MethodLauncher | undefined {
  return launchers.find((launcher) => launcher.method === method);
}

/** The methods that this program can use, in the order of preference. */
export function availableMethods(): StartMethod[] {
  return launchers.filter((launcher) => launcher.unavailable() === undefined).map(({ method }) => method);
}

/** The first method that this program can use; why others were passed over is logged. */
export function defaultMethod(): StartMethod {
  for (const { method, unavailable } of launchers) {
    const reason = unavailable();
    if (reason === undefined) return method;
    getLogger().info("not using the start method '%s': %s", method, reason);
  }
  return 'spawn';
}
