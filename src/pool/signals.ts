/** Abort signals of a pool's work: one listener for each signal, however much work it cancels. */

interface Watched {
  readonly aborts: Set<() => void>;
  readonly listener: () => void;
}

export class Signals {
  readonly #watched = new Map<AbortSignal, Watched>();

  /**
   * Calls `abort` when the signal fires; it has not fired yet.
   *
   * @returns a function that cancels this
   */
  watch(signal: AbortSignal, abort: () => void): () => void {
    const { aborts } = this.#watched.get(signal) ?? this.#listen(signal);
    aborts.add(abort);
    return () => {
      if (aborts.delete(abort) && aborts.size === 0) this.#leave(signal);
    };
  }

  #listen(signal: AbortSignal): Watched {
    const aborts = new Set<() => void>();
    const listener = () => {
      this.#leave(signal);
      const all = [...aborts];
      aborts.clear();
      for (const abort of all) abort();
    };
    const watched = { aborts, listener };
    this.#watched.set(signal, watched);
    signal.addEventListener('abort', listener, { once: true });
    return watched;
  }

  #leave(signal: AbortSignal): void {
    const watched = this.#watched.get(signal);
    if (watched === undefined) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', watched.listener);
  }
}
