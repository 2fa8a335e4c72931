/** Pool in a manager's server: its workers are processes of that, and anybody may give it work. */
import { availableParallelism } from 'node:os';
import type { Wait, WaitOptions } from '../../deadline.js';
import type { AsyncResult } from '../../pool/async-result.js';
import type { ApplyOptions, ImapOptions, MapAsyncOptions, MapOptions, PoolFn } from '../../pool/options.js';
import type { Pool } from '../../pool/pool.js';
import type { PoolStats } from '../../pool/stats.js';
import { Cancelled, currentCall } from './call-context.js';
import { ManagedIterator } from './iterator.js';

/** Upper bound on the workers of all pools of the server that have not ended, as clients name how many a pool has. */
const maxWorkers = Math.max(64, 4 * availableParallelism());
let workers = 0;

interface Crew {
  readonly pool: Pool;
  /** Workers that are counted until the pool has ended. */
  count: number;
}

/** Nobody can give it work any more: what it has is done, then its workers end. */
const forgotten = new FinalizationRegistry<Crew>((crew) => {
  crew.pool.close();
  discountLater(crew);
});

function discountLater(crew: Crew): void {
  const discount = () => {
    workers -= crew.count;
    crew.count = 0;
  };
  crew.pool.join({ ref: false }).then(discount, discount);
}

export class ManagedPool {
  static readonly kind = 'pool';
  readonly #pool: Pool;
  readonly #crew: Crew;

  /**
   * @param processes workers; absent: one for each processor
   * @param make makes the pool
   * @throws RangeError if the pools of the server would have too many workers
   */
  constructor(processes: number | null | undefined, make: () => Pool) {
    const count = typeof processes === 'number' && processes > 0 ? processes : availableParallelism();
    if (workers + count > maxWorkers) {
      throw new RangeError(
        `Expected the pools of a manager's server to have at most ${maxWorkers} workers, got ${count} more than ${workers}: ` +
          'terminate pools that are not needed, or start the pool in the client',
      );
    }
    this.#pool = make();
    workers += count;
    this.#crew = { pool: this.#pool, count };
    forgotten.register(this, this.#crew);
  }

  run(fn: PoolFn, ...args: unknown[]): Promise<unknown> {
    return this.apply(fn, args);
  }

  apply(fn: PoolFn, args?: Iterable<unknown>, options?: ApplyOptions): Promise<unknown> {
    return withdrawable((signal) => this.#pool.apply(fn, args, given(options, signal)));
  }

  applyAsync(fn: PoolFn, args?: Iterable<unknown>, options?: ApplyOptions): ManagedAsyncResult {
    return new ManagedAsyncResult(this.#pool.applyAsync(fn, args, options));
  }

  map(fn: PoolFn, items: Iterable<unknown>, options?: MapOptions): Promise<unknown> {
    return withdrawable((signal) => this.#pool.map(fn, items, given(options, signal)));
  }

  starmap(fn: PoolFn, items: Iterable<readonly unknown[]>, options?: MapOptions): Promise<unknown> {
    return withdrawable((signal) => this.#pool.starmap(fn, items, given(options, signal)));
  }

  mapAsync(fn: PoolFn, items: Iterable<unknown>, options?: MapAsyncOptions<unknown>): ManagedAsyncResult {
    return new ManagedAsyncResult(this.#pool.mapAsync(fn, items, options));
  }

  starmapAsync(
    fn: PoolFn,
    items: Iterable<readonly unknown[]>,
    options?: MapAsyncOptions<unknown>,
  ): ManagedAsyncResult {
    return new ManagedAsyncResult(this.#pool.starmapAsync(fn, items, options));
  }

  imap(fn: PoolFn, items: Iterable<unknown>, options?: ImapOptions): ManagedIterator {
    return new ManagedIterator(this.#pool.imap(fn, items, options), () => 0);
  }

  imapUnordered(fn: PoolFn, items: Iterable<unknown>, options?: ImapOptions): ManagedIterator {
    return new ManagedIterator(this.#pool.imapUnordered(fn, items, options), () => 0);
  }

  close(): void {
    this.#pool.close();
    discountLater(this.#crew);
  }

  terminate(): void {
    this.#pool.terminate();
    discountLater(this.#crew);
  }

  join(wait?: Wait): Promise<boolean> {
    return withdrawable((signal) => this.#pool.join({ ...optionsOf(wait), signal }));
  }

  stats(): PoolStats {
    return this.#pool.stats();
  }

  getValue(): never {
    throw new TypeError('A pool has no value to copy');
  }
}

type Result = Pick<AsyncResult<unknown>, 'get' | 'wait' | 'ready' | 'successful'>;

/** What has become of work: it stays in the server, and is kept there for whoever has a proxy of it. */
export class ManagedAsyncResult {
  static readonly kind = 'asyncresult';
  readonly #result: Result;

  constructor(result: Result) {
    this.#result = result;
  }

  get(wait?: Wait): Promise<unknown> {
    return withdrawable((signal) => this.#result.get({ ...optionsOf(wait), signal }));
  }

  wait(wait?: Wait): Promise<void> {
    return withdrawable((signal) => this.#result.wait({ ...optionsOf(wait), signal }));
  }

  ready(): boolean {
    return this.#result.ready();
  }

  successful(): boolean {
    return this.#result.successful();
  }

  getValue(): never {
    throw new TypeError('The result of work has no value to copy: call get()');
  }
}

/** A wait that the client can take back. When the client is gone, its work goes on. */
async function withdrawable<T>(start: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const call = currentCall();
  const controller = new AbortController();
  call.cancel = () => {
    if (!call.caller.ended) controller.abort(new Cancelled());
  };
  try {
    return await start(controller.signal);
  } finally {
    call.cancel = undefined;
  }
}

/** Options with the signal. */
function given<T extends object>(options: T | undefined, signal: AbortSignal): T & { signal: AbortSignal } {
  if (options !== undefined && (typeof options !== 'object' || options === null)) return options as never;
  return { ...(options as T), signal };
}

function optionsOf(wait: Wait): WaitOptions {
  return typeof wait === 'object' ? { ...wait } : { timeout: wait };
}
