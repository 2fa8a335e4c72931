/** What `wait` needs of an object: to look whether it is ready, and to be called back when that may have changed. */
import { queueMicrotask } from '../timing.js';

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
  /** What a blocked thread sleeps on: a descriptor that becomes readable, or what `native.waitAny` takes as a target. */
  readonly asleep: number | readonly number[];
  /** It may become ready without anybody telling: who sleeps looks again after so many ms. */
  readonly longestSleep?: number | undefined;
}

/** Connections, listeners and queues. */
export interface Waitable {
  [waitable](): Readiness;
}

/** The notices that others asked an object for: when it closes they are given, so that nobody waits for it in vain. */
export class Notices {
  readonly #pending = new Set<{ readonly notice: Notice; readonly callback: () => void }>();

  /** Asks `watch` for a notice that `close` gives, too. */
  add(watch: (callback: () => void) => Notice, callback: () => void): Notice {
    const entry = {
      callback,
      notice: watch(() => {
        this.#pending.delete(entry);
        callback();
      }),
    };
    this.#pending.add(entry);
    return {
      reference: (keep) => entry.notice.reference(keep),
      cancel: () => {
        if (this.#pending.delete(entry)) entry.notice.cancel();
      },
    };
  }

  close(): void {
    for (const { notice, callback } of this.#pending) {
      notice.cancel();
      queueMicrotask(callback);
    }
    this.#pending.clear();
  }
}
