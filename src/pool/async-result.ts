/** AsyncResult: what has become of work that was given to a pool. */

import { inspect } from 'node:util';
import { now, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { inThisContext } from '../lifecycle/async-context.js';
import { getLogger } from '../logging.js';
import { waiting } from '../process/waiting.js';
import { stackOf, textOf } from './thrown.js';

/**
 * Callbacks of work that was given to a pool. They run in this process, in the async context (`AsyncLocalStorage`) of the call
 * that gave them, before waits for the result end.
 */
export interface AsyncCallbacks<T> {
  /** Gets the result. */
  callback?: ((value: T) => void) | null | undefined;
  /** Gets the error. */
  errorCallback?: ((error: unknown) => void) | null | undefined;
}

/** @internal Serves a pool's outcomes without the event loop, until something came or the deadline passed. */
export type ServeSync = (deadline: number) => void;

/**
 * What has become of work that was given to a pool. Mirrors `multiprocessing.pool.AsyncResult`. It can be awaited: that is
 * as `get()`. An error that nobody looks at is no unhandled rejection; it is logged.
 */
export class AsyncResult<T> implements PromiseLike<T> {
  #state: 'pending' | 'fulfilled' | 'rejected' = 'pending';
  #value: unknown;
  /** Why it cannot be had while the thread is blocked, although it is there. */
  #stuck: { readonly error: unknown } | undefined;
  readonly #waiters = new Set<() => void>();
  readonly #callback: ((value: T) => void) | undefined;
  readonly #errorCallback: ((error: unknown) => void) | undefined;
  readonly #serve: ServeSync;

  /** @internal */
  constructor(callbacks: AsyncCallbacks<T>, serve: ServeSync) {
    refuseClones(this);
    const { callback, errorCallback } = callbacks;
    this.#callback = callback ? inThisContext(callback) : undefined;
    this.#errorCallback = errorCallback ? inThisContext(errorCallback) : undefined;
    this.#serve = serve;
  }

  /**
   * The result.
   *
   * @param wait milliseconds, or `{ timeout, signal }`: ends the waiting, not the work
   * @throws TimeoutError when the time has passed
   * @throws what the work threw: a copy, with the worker's stack
   */
  async get(wait?: Wait): Promise<T> {
    await this.#settled(wait);
    if (this.#state === 'pending') throw new TimeoutError('There is no result yet');
    return this.#outcome();
  }

  /**
   * As {@link get}, blocking the thread; no JavaScript but callbacks of the pool runs meanwhile.
   *
   * @throws TypeError for a result that needs a module which can only be imported, not required; `get` gives it
   */
  getSync(wait?: Wait): T {
    const deadline = parseSyncWait(wait);
    while (this.#state === 'pending') {
      if (this.#stuck !== undefined) throw this.#stuck.error;
      if (deadline <= 0 || now() >= deadline) throw new TimeoutError('There is no result yet');
      this.#serve(deadline);
    }
    return this.#outcome();
  }

  /** Waits until there is a result or an error, or the time has passed. Returns nothing, as in Python. */
  async wait(wait?: Wait): Promise<void> {
    await this.#settled(wait);
  }

  /** Whether there is a result or an error. */
  ready(): boolean {
    return this.#state !== 'pending';
  }

  /**
   * Whether there is a result rather than an error.
   *
   * @throws ValueError while there is neither
   */
  successful(): boolean {
    if (this.#state === 'pending') throw new ValueError('The result is not ready');
    return this.#state === 'fulfilled';
  }

  /** What `await` calls: as `get()`. */
  // biome-ignore lint/suspicious/noThenProperty: it is awaitable
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.get().then(onfulfilled, onrejected);
  }

  /** `<AsyncResult pending>`, `ready` or `failed`. */
  [inspect.custom](): string {
    const words = { pending: 'pending', fulfilled: 'ready', rejected: 'failed' };
    return `<${this.constructor.name} ${words[this.#state]}>`;
  }

  /** @internal */
  settle(ok: boolean, value: unknown): void {
    this.#state = ok ? 'fulfilled' : 'rejected';
    this.#value = value;
    const called = ok ? this.#callback : this.#errorCallback;
    if (called !== undefined) runCallback(() => called(value as T));
    else if (!ok && this.#waiters.size === 0) getLogger().warning('a task of a pool failed: %s', textOf(value));
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** @internal */
  stick(error: unknown): void {
    this.#stuck = { error };
  }

  #outcome(): T {
    if (this.#state === 'rejected') throw this.#value;
    return this.#value as T;
  }

  #settled(wait: Wait): Promise<void> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    if (this.#state !== 'pending' || parsed.deadline <= 0) return Promise.resolve();
    return waiting(
      parsed,
      ({ resolve }) => {
        this.#waiters.add(resolve);
        return () => this.#waiters.delete(resolve);
      },
      ({ resolve }) => resolve(),
    );
  }
}
isNoData(AsyncResult);

/** Runs what the user gave to be called. What it throws must not keep others from their results. */
export function runCallback(call: () => void): void {
  try {
    call();
  } catch (error) {
    process.emitWarning(`A callback of a pool threw: ${stackOf(error)}`, 'PoolCallbackWarning');
  }
}
