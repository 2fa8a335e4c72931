/** Something held that gives itself back once: what `hold()` returns, for `using` and for `finally`. */

/** A lock or permit that is held until {@link release}, or until the end of the `using` block. */
export interface Hold {
  /** A former holder died, or ended, while it held the lock: what the lock protects may be half-changed. */
  readonly ownerDied: boolean;
  /** Gives it back. A second call does nothing. */
  release(): void;
  /** As {@link release}. */
  [Symbol.dispose](): void;
}

/** Makes a {@link Hold} that calls `release` once. */
export function holdOf(ownerDied: boolean, release: () => void): Hold {
  let held = true;
  const once = () => {
    if (!held) return;
    held = false;
    release();
  };
  return { ownerDied, release: once, [Symbol.dispose]: once };
}
