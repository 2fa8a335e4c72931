/** Errors without a caller: of a program's own handler, called in the midst of this package's work. */
import { setImmediate } from '../timing.js';

/** Throws an uncaught error in a turn of its own, so that the current work continues. */
export function throwLater(error: unknown): void {
  setImmediate(throwIt, error);
}

function throwIt(error: unknown): never {
  throw error;
}
