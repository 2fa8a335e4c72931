/**
 * The origin of the message that is being read: processes of this user, which may do everything here anyway, or another
 * machine or user, whose messages load no module unless the program allowed it.
 */

/** Another machine, or another user of this one. */
export interface Origin {
  /** URLs of modules whose functions and classes its messages may name: they are loaded for that. */
  readonly modules: ReadonlySet<string>;
  /** Whether its handles of shared objects are attached. */
  readonly attaches: boolean;
}

let current: Origin | undefined;

/** Reads or writes a message of the origin; `undefined`: of this user. */
export function within<T>(origin: Origin | undefined, act: () => T): T {
  const before = current;
  current = origin;
  try {
    return act();
  } finally {
    current = before;
  }
}

/** The origin of the message that is being read or written; `undefined`: this user. */
export function currentOrigin(): Origin | undefined {
  return current;
}

/** Whether no shared memory is attached for what is being read, and none is named in what is being written. */
export function isFromAfar(): boolean {
  return current !== undefined && !current.attaches;
}
