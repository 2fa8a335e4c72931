/** What a condition does with its lock: it lets it go for the time of a wait, and gets it back as deep as it was. */

/** Who held an RLock, and how deep. */
export interface Saved {
  readonly holder: object | undefined;
  readonly depth: number;
}

/** Whether the caller holds the lock. */
export const heldByCaller: unique symbol = Symbol('multiproc.heldByCaller');
/** Frees it, however deep it is held. */
export const letGo: unique symbol = Symbol('multiproc.letGo');
/** Takes it again, however long that takes. */
export const regain: unique symbol = Symbol('multiproc.regain');
/** As `regain`, blocking the thread. */
export const regainSync: unique symbol = Symbol('multiproc.regainSync');
