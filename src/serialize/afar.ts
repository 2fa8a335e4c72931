/**
 * What goes to another machine, or comes from there: no shared memory is attached for it, and no module is loaded because
 * it says so. Functions and classes are those that `register` named on both.
 */

let depth = 0;

/** Reads what came from afar, or writes what goes there. */
export function fromAfar<T>(act: () => T): T {
  depth++;
  try {
    return act();
  } finally {
    depth--;
  }
}

/** Whether what is being read or written is. */
export function isFromAfar(): boolean {
  return depth > 0;
}
