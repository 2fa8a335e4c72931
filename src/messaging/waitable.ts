/** What `wait` needs of an object: to look whether it is ready, and to be called back when that may have changed. */

/** A pending notice. */
export interface Notice {
  /** Whether it keeps the event loop alive; it does not at first. */
  reference(keep: boolean): void;
  /** No call comes any more. Idempotent. */
  cancel(): void;
}

/** The method by which an object can be waited for. */
export const waitable: unique symbol = Symbol('multiproc.waitable');

/** How one object is waited for. */
export interface Readiness {
  /** Whether receiving would not wait: something is there, or the end is. Never waits itself. */
  ready(): boolean;
  /** Calls back once, never before this returns; perhaps for nothing: look again. */
  notice(callback: () => void): Notice;
  /** What a blocked thread sleeps on instead: a descriptor that becomes readable. */
  readonly descriptor?: number | undefined;
}

/** Connections, listeners and queues. */
export interface Waitable {
  [waitable](): Readiness;
}
