/** imap: results one by one, unordered or in order, from items that are fetched on demand. */

import { inspect } from 'node:util';
import { type ParsedWait, parseWait, type Wait } from '../deadline.js';
import { TimeoutError } from '../errors.js';
import { inThisContext } from '../lifecycle/async-context.js';
import { type Settle, waiting } from '../process/waiting.js';
import { Interrupt } from './board.js';
import type { TaskRunner } from './engine.js';
import { Feeding } from './feeding.js';
import type { PoolFunction } from './functions.js';
import type { ImapProgress } from './imap-progress.js';
import { packFor } from './payload.js';
import { PoolTask } from './task.js';
import { Application } from './task-record.js';

export interface ImapOptions {
  readonly fn: PoolFunction;
  readonly chunksize: number;
  /** Upper bound on items that were fetched and whose results were not taken. */
  readonly buffersize: number;
  readonly ordered: boolean;
  readonly progress: ImapProgress;
}

interface Chunk {
  readonly ok: boolean;
  /** Results, or the error. */
  readonly value: unknown;
}

type Waiter = Settle<IteratorResult<unknown, undefined>>;

type Source = { next(): unknown; return?(): unknown };

/**
 * The results of `imap` and `imapUnordered`. Items are fetched ahead up to a bound, and only while results are taken.
 * Leaving the loop ends the work. A task that throws makes one `next` reject; the following ones continue with later
 * results.
 */
export class ImapIterator<T> implements AsyncIterator<T, undefined>, AsyncIterable<T> {
  readonly #runner: TaskRunner;
  readonly #options: ImapOptions;
  readonly #source: Source;
  readonly #isAsync: boolean;
  readonly #done: () => void;
  readonly #feeding = new Feeding(
    () => !this.isFed && this.#hasRoom,
    () => this.#feedOne(),
  );
  readonly #running = new Set<ChunkTask>();
  /** By number if ordered, else in order of arrival. */
  readonly #chunks = new Map<number, Chunk>();
  #started = 0;
  #delivered = 0;
  #current: ArrayLike<unknown> = [];
  #at = 0;
  #onTheirWay = 0;
  #chunksEnded = 0;
  #fetching = false;
  #serving = false;
  #exhausted = false;
  #isUnbounded = false;
  /** The error that ended the items; thrown after the results of all chunks. */
  #failure: { readonly error: unknown } | undefined;
  /** The error that ended the iteration early. */
  #broken: { readonly error: unknown } | undefined;
  #over = false;
  readonly #waiters: Waiter[] = [];

  /** @internal */
  constructor(
    runner: TaskRunner,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    options: ImapOptions,
    done: () => void,
  ) {
    this.#runner = runner;
    this.#options = options;
    this.#done = done;
    const asynchronous = (items as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    this.#isAsync = asynchronous !== undefined;
    const source =
      asynchronous !== undefined
        ? (asynchronous.call(items) as Source)
        : ((items as Iterable<unknown>)[Symbol.iterator]() as Source);
    // Items are fetched in the async context of the call, whichever task made room for them.
    this.#source = {
      next: inThisContext(() => source.next()),
      return: inThisContext(() => source.return?.()),
    };
  }

  /**
   * Returns the next result.
   *
   * @param wait milliseconds, or `{ timeout, signal }`: ends the wait, not the work
   * @throws TimeoutError when the time has passed; a later call gets this result
   * @throws the error of the task, or of fetching the items
   */
  next(wait?: Wait): Promise<IteratorResult<T, undefined>> {
    try {
      const parsed = parseWait(wait);
      parsed.signal?.throwIfAborted();
      if (this.#waiters.length === 0) {
        let ready: IteratorResult<unknown, undefined> | undefined;
        try {
          ready = this.#take();
        } finally {
          this.feed();
        }
        if (ready !== undefined) return Promise.resolve(ready as IteratorResult<T, undefined>);
      }
      if (parsed.deadline <= 0) throw late();
      return this.#wait(parsed) as Promise<IteratorResult<T, undefined>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Ends the iteration: no more items are fetched, and tasks that have not begun are not run. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#stop();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    return { done: true, value: undefined };
  }

  /** Returns this iterator: each result goes to one caller. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** `<ImapIterator running>`, `done` or `failed`. */
  [inspect.custom](): string {
    const state = this.#broken !== undefined ? 'failed' : this.#over ? 'done' : 'running';
    return `<${this.constructor.name} ${state}>`;
  }

  /** @internal Whether all items were submitted. */
  get isFed(): boolean {
    return this.#exhausted || this.#over;
  }

  /** @internal Submits as many items as the buffer allows. */
  feed(): void {
    if (this.#fetching || this.isFed || !this.#hasRoom) return;
    if (this.#isAsync) void this.#feedAsync();
    else this.#feeding.run();
  }

  /** @internal Like `feed` for a caller that blocks the event loop; asynchronous items need that loop. */
  feedNow(): void {
    if (!this.#fetching && !this.isFed && !this.#isAsync) this.#feeding.runNow();
  }

  /** @internal Lifts the bound of the buffer: a caller waits for the end of all work. */
  unbind(): void {
    this.#isUnbounded = true;
    this.feed();
  }

  /** @internal Ends the iteration with an error. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#broken = { error };
    this.#stop();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** @internal */
  chunkEnded(chunk: ChunkTask, result: Chunk): void {
    this.#running.delete(chunk);
    if (this.#over) return;
    this.#chunks.set(this.#options.ordered ? chunk.number : this.#chunksEnded++, result);
    if (!result.ok) this.#onTheirWay -= chunk.count - 1;
    this.#options.progress.advance(chunk.count);
    this.#endProgress();
    this.#serve();
  }

  get #hasRoom(): boolean {
    if (!this.#runner.isRoomy) return false;
    if (this.#isUnbounded || this.#onTheirWay === 0) return true;
    return this.#onTheirWay + this.#options.chunksize <= this.#options.buffersize;
  }

  #feedOne(): void {
    this.#fetching = true;
    try {
      this.#fetchChunk();
    } finally {
      this.#fetching = false;
    }
    this.#endProgress();
    if (this.#exhausted) this.#serve();
  }

  #fetchChunk(): void {
    const items: unknown[] = [];
    try {
      while (items.length < this.#options.chunksize) {
        const { done, value } = this.#source.next() as IteratorResult<unknown>;
        if (done) {
          this.#exhaust();
          break;
        }
        items.push(value);
      }
    } catch (error) {
      this.#exhaust(error);
      return;
    }
    if (items.length > 0) this.#start(items);
  }

  async #feedAsync(): Promise<void> {
    this.#fetching = true;
    try {
      while (!this.isFed && this.#hasRoom) {
        const items: unknown[] = [];
        while (items.length < this.#options.chunksize && !this.isFed) {
          const { done, value } = (await this.#source.next()) as IteratorResult<unknown>;
          if (done) this.#exhaust();
          else items.push(value);
        }
        if (items.length > 0 && !this.#over) this.#start(items);
      }
    } catch (error) {
      this.#exhaust(error);
    }
    this.#fetching = false;
    this.#endProgress();
    this.#serve();
  }

  #exhaust(...failure: [error?: unknown]): void {
    if (this.isFed) return;
    this.#exhausted = true;
    if (failure.length > 0) this.#failure = { error: failure[0] };
    this.#done();
  }

  #start(items: unknown[]): void {
    const chunk = new ChunkTask(this as ImapIterator<unknown>, this.#options.fn, this.#started++, items.length);
    this.#onTheirWay += items.length;
    this.#running.add(chunk);
    try {
      this.#runner.submit(chunk, packFor(this.#runner, items, 0, items.length, `items of chunk ${chunk.number}`));
    } catch (error) {
      chunk.settle(false, error);
    }
  }

  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      this.#serveAll();
    } finally {
      this.#serving = false;
    }
    this.feed();
  }

  #serveAll(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0] as Waiter;
      let ready: IteratorResult<unknown, undefined> | undefined;
      try {
        ready = this.#take();
      } catch (error) {
        this.#waiters.shift();
        waiter.reject(error);
        continue;
      }
      if (ready === undefined) return;
      this.#waiters.shift();
      waiter.resolve(ready);
    }
  }

  /** Returns the next result if it has arrived. Throws the error in its place. */
  #take(): IteratorResult<unknown, undefined> | undefined {
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken.error;
      if (this.#at < this.#current.length) {
        const value = this.#current[this.#at++];
        this.#onTheirWay--;
        return { done: false, value };
      }
      if (this.#over) return { done: true, value: undefined };
      const chunk = this.#chunks.get(this.#delivered);
      if (chunk === undefined) break;
      this.#chunks.delete(this.#delivered++);
      if (!chunk.ok) {
        this.#onTheirWay--;
        throw chunk.value;
      }
      this.#current = chunk.value as ArrayLike<unknown>;
      this.#at = 0;
    }
    if (!this.#exhausted || this.#delivered < this.#started) return undefined;
    this.#over = true;
    if (this.#failure !== undefined) throw this.#failure.error;
    return { done: true, value: undefined };
  }

  #endProgress(): void {
    if (this.#exhausted && !this.#fetching && this.#running.size === 0) this.#options.progress.end();
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    const wasFed = this.#exhausted;
    this.#exhausted = true;
    this.#current = [];
    this.#at = 0;
    this.#chunks.clear();
    this.#options.progress.end();
    for (const chunk of [...this.#running]) this.#runner.giveUp(chunk, Interrupt.none, undefined);
    if (wasFed) return;
    this.#done();
    closeSource(this.#source);
  }

  #wait(wait: ParsedWait): Promise<IteratorResult<unknown, undefined>> {
    return waiting(
      wait,
      (waiter) => {
        this.#waiters.push(waiter);
        return () => {
          const index = this.#waiters.indexOf(waiter);
          if (index !== -1) this.#waiters.splice(index, 1);
        };
      },
      ({ reject }) => reject(late()),
    );
  }
}

class ChunkTask extends PoolTask {
  readonly number: number;
  readonly count: number;
  readonly #job: ImapIterator<unknown>;
  #numbers: ArrayLike<unknown> | undefined;

  constructor(job: ImapIterator<unknown>, fn: PoolFunction, number: number, count: number) {
    super({ fn, application: Application.each, timeout: Infinity, interruptible: false });
    this.#job = job;
    this.number = number;
    this.count = count;
  }

  override numbers(numbers: Int32Array | Float64Array, at: number, count: number): void {
    this.#numbers = Array.from(numbers.subarray(at, at + count));
  }

  settle(ok: boolean, value: unknown): void {
    this.#job.chunkEnded(this, { ok, value: ok ? (this.#numbers ?? value) : value });
  }
}

function late(): TimeoutError {
  return new TimeoutError('There is no further result yet');
}

function closeSource(source: Source): void {
  try {
    // An async generator's promise may reject.
    void Promise.resolve(source.return?.()).catch(() => {});
  } catch {
    // The iteration has ended: the error has no receiver.
  }
}
