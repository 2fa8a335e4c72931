/** Work in the background: of timers and finalizers, which no caller could be told about. */
import { getLogger } from '../logging.js';

/**
 * Runs it. What it throws is logged, and never an uncaught error of the program.
 *
 * @param what it is about: what the log says is put off
 */
export function inBackground(what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    getLogger().warning('%s could not be looked after: %s', what, String(error));
  }
}
