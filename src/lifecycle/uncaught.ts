/** Errors that nobody waits for: of a program's own handler, called in the middle of our work. */
import { setImmediate } from '../timing.js';

/** It is an uncaught error, but in a turn of its own: what is being done now goes on. */
export function throwLater(error: unknown): void {
  setImmediate(throwIt, error);
}

function throwIt(error: unknown): never {
  throw error;
}
