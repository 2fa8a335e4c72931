/**
 * What is read from afar, from another machine: no shared memory is attached for it, and no module is loaded because it
 * says so. Functions and classes are those that `register` named here.
 */

let depth = 0;

/** Reads what came from afar. */
export function fromAfar<T>(read: () => T): T {
  depth++;
  try {
    return read();
  } finally {
    depth--;
  }
}

/** Whether what is being read comes from afar. */
export function isFromAfar(): boolean {
  return depth > 0;
}
