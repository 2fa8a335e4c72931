/** The children of this process, as their Process objects. */
import { runningOwners } from './children.js';
import type { Launcher } from './launchers/launcher.js';
import type { Process } from './process.js';

/**
 * Returns the children of this process that have not ended, and reaps the others. Mirrors
 * `multiprocessing.active_children`.
 */
export function activeChildren(): Process[] {
  return childrenBy(undefined);
}

/** Returns the children of a launcher; without one, those of all start methods. */
export function childrenBy(launcher: Launcher | undefined): Process[] {
  return runningOwners(launcher) as Process[];
}
