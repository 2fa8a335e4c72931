/** Pool in a manager's server: its workers are processes of that, and anybody may give it work. */
import type { Wait, WaitOptions } from '../../deadline.js';
import type { AsyncResult } from '../../pool/async-result.js';
import type { ApplyOptions, ImapOptions, MapAsyncOptions, MapOptions, PoolFn } from '../../pool/options.js';
import type { Pool } from '../../pool/pool.js';
import type { PoolStats } from '../../pool/stats.js';
import { Cancelled, currentCall } from '../caller.js';
import { ManagedIterator } from './iterator.js';

/** Nobody can give it work any more: what it has is done, then its workers end. */
const forgotten = new FinalizationRegistry<Pool>((pool) => pool.close());

export class ManagedPool {
  static readonly kind = 'pool';
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
    forgotten.register(this, pool);
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
  }

  terminate(): void {
    this.#pool.terminate();
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
