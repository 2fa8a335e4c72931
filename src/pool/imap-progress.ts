/** The progress of imap: items done, and their total if it is known. */
import { runCallback } from './async-result.js';
import { type Bar, progressBar } from './progress.js';

export class ImapProgress {
  readonly #total: number | undefined;
  readonly #onProgress: ((done: number, total: number | undefined) => void) | undefined;
  readonly #bar: Bar | undefined;
  #done = 0;
  #isOver = false;

  /** @throws MultiprocError `ERR_MULTIPROC_PROGRESS` for a bar where the package for it is not installed */
  constructor(
    items: unknown,
    showsBar: boolean | undefined,
    onProgress: ((done: number, total: number | undefined) => void) | undefined,
  ) {
    this.#total = sizeOf(items);
    this.#onProgress = onProgress;
    if (showsBar === true) this.#bar = progressBar(this.#total);
  }

  /** Counts further results that have arrived. */
  advance(count: number): void {
    if (this.#isOver) return;
    this.#done += count;
    this.#bar?.update(this.#done);
    const onProgress = this.#onProgress;
    if (onProgress !== undefined) runCallback(() => onProgress(this.#done, this.#total));
  }

  /** Ends the progress: no more results will come. Idempotent. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#bar?.stop();
  }
}

function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items)) return items.length;
  if (ArrayBuffer.isView(items) && !(items instanceof DataView)) return (items as Uint8Array).length;
  return items instanceof Map || items instanceof Set ? items.size : undefined;
}
