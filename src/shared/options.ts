/** What stands where options are expected: Python's further arguments by their place would be passed over otherwise. */
import { describe } from './names.js';

/** Absent they may be. @throws TypeError for what is no object */
export function checkOptions(options: unknown): void {
  if (options === undefined || (typeof options === 'object' && options !== null)) return;
  throw new TypeError(`Expected "options" to be an object, got ${describe(options)}`);
}
