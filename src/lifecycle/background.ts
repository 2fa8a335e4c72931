/** Work in the background, of timers and finalizers: it has no caller to throw to. */
import { getLogger } from '../logging.js';

/**
 * Runs it, and logs an error instead of throwing it.
 *
 * @param what names the postponed work in the log
 */
export function inBackground(what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    getLogger().warning('%s could not be looked after: %s', what, String(error));
  }
}
