/** A map: one function over many items, in chunks, with the results in order. */
import { Interrupt } from './board.js';
import type { TaskRunner } from './engine.js';
import { Feeding } from './feeding.js';
import type { PoolFunction } from './functions.js';
import { packFor } from './payload.js';
import { PoolTask } from './task.js';
import type { Application } from './task-record.js';

/** Upper bound on items in flight, beside a minimum of a few chunks. */
const mostItems = 16_384;
/** Longer result arrays are not allocated at once. */
const longestPrepared = 2 ** 25;

export interface MapOptions {
  readonly fn: PoolFunction;
  readonly application: Application;
  readonly chunksize: number;
  /** Bound in ms on each chunk, from the start of its run. */
  readonly timeout: number;
  /** Whether running chunks can be interrupted. */
  readonly interruptible: boolean;
  /** Called with the reason why the results cannot be decoded while the thread is blocked. */
  readonly stuck: ((error: unknown) => void) | undefined;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
}

/** Computes Python's chunk size: about four chunks for each worker. */
export function automaticChunksize(items: number, workers: number): number {
  return Math.max(Math.ceil(items / (workers * 4)), 1);
}

export class MapJob {
  readonly #runner: TaskRunner;
  readonly #items: ArrayLike<unknown>;
  readonly #options: MapOptions;
  readonly #settled: (ok: boolean, value: unknown) => void;
  readonly #mostChunks: number;
  readonly #chunks = new Set<ChunkTask>();
  readonly #results: unknown[];
  #next = 0;
  #ended = 0;
  #failure: { readonly error: unknown } | undefined;
  #over = false;
  readonly #feeding = new Feeding(
    () => !this.isFed && this.#chunks.size < this.#mostChunks && this.#runner.isRoomy,
    () => this.#feedOne(),
  );

  constructor(
    runner: TaskRunner,
    workers: number,
    items: ArrayLike<unknown>,
    options: MapOptions,
    settled: (ok: boolean, value: unknown) => void,
  ) {
    this.#runner = runner;
    this.#items = items;
    this.#options = options;
    this.#settled = settled;
    this.#mostChunks = Math.max(Math.ceil(mostItems / options.chunksize), workers * 4 + 1);
    this.#results = items.length <= longestPrepared ? new Array(items.length) : [];
  }

  /** Whether all chunks were submitted. */
  get isFed(): boolean {
    return this.#over || this.#next >= this.#items.length;
  }

  /** Submits as many chunks as are useful now. */
  feed(): void {
    this.#feeding.run();
  }

  /** Like `feed`, for a caller that blocks the event loop. */
  feedNow(): void {
    this.#feeding.runNow();
  }

  /** Ends the map now: running chunks are interrupted, the others are not run. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#finish(false, error);
    for (const chunk of [...this.#chunks]) this.#runner.giveUp(chunk, Interrupt.aborted, error);
  }

  /** Stores the chunk's results, given as numbers or as a list. */
  take(from: number, values: ArrayLike<unknown>, at: number, count: number): void {
    const results = this.#results;
    for (let i = 0; i < count; i++) results[from + i] = values[at + i];
  }

  chunkStuck(error: unknown): void {
    this.#options.stuck?.(error);
  }

  chunkEnded(chunk: ChunkTask, failure: { readonly error: unknown } | undefined): void {
    this.#chunks.delete(chunk);
    if (this.#over) return;
    this.#failure ??= failure;
    this.#ended += chunk.to - chunk.from;
    this.#options.onProgress?.(this.#ended, this.#items.length);
    if (this.#ended < this.#items.length) return;
    if (this.#failure === undefined) this.#finish(true, this.#results);
    else this.#finish(false, this.#failure.error);
  }

  #feedOne(): void {
    const from = this.#next;
    const to = Math.min(from + this.#options.chunksize, this.#items.length);
    this.#next = to;
    const chunk = new ChunkTask(this, this.#options, from, to);
    this.#chunks.add(chunk);
    try {
      this.#runner.submit(chunk, packFor(this.#runner, this.#items, from, to, `items[${from}…]`));
    } catch (error) {
      chunk.settle(false, error);
    }
  }

  #finish(ok: boolean, value: unknown): void {
    this.#over = true;
    this.#settled(ok, value);
  }
}

class ChunkTask extends PoolTask {
  readonly from: number;
  readonly to: number;
  readonly #job: MapJob;

  constructor(job: MapJob, options: MapOptions, from: number, to: number) {
    super(options);
    this.#job = job;
    this.from = from;
    this.to = to;
  }

  override numbers(numbers: Int32Array | Float64Array, at: number, count: number): void {
    if (count === this.to - this.from) this.#job.take(this.from, numbers, at, count);
  }

  override stick(error: unknown): void {
    this.#job.chunkStuck(error);
  }

  settle(ok: boolean, value: unknown): void {
    if (!ok) {
      this.#job.chunkEnded(this, { error: value });
      return;
    }
    // Numbers are stored already.
    if (value !== undefined) this.#job.take(this.from, value as unknown[], 0, this.to - this.from);
    this.#job.chunkEnded(this, undefined);
  }
}
