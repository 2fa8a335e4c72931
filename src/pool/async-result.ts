/** AsyncResult: the outcome of work that was submitted to a pool. */

import { inspect } from 'node:util';
import { now, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { inThisContext } from '../lifecycle/async-context.js';
import { getLogger } from '../logging.js';
import { waiting } from '../process/waiting.js';
import { stackOf, textOf } from './thrown.js';

/**
 * Callbacks of submitted work. They run in this process, in the async context (`AsyncLocalStorage`) of the call that
 * passed them, before waits for the result end.
 */
export interface AsyncCallbacks<T> {
  /** Receives the result. */
  callback?: ((value: T) => void) | null | undefined;
  /** Receives the error. */
  errorCallback?: ((error: unknown) => void) | null | undefined;
}

/** @internal Serves a pool's outcomes without the event loop, until one arrives or the deadline passes. */
export type ServeSync = (deadline: number) => void;

/**
 * The outcome of work that was submitted to a pool. Mirrors `multiprocessing.pool.AsyncResult`. `await result` is
 * `result.get()`. An error that no caller asks for is logged, and is no unhandled rejection.
 */
export class AsyncResult<T> implements PromiseLike<T> {
  #state: 'pending' | 'fulfilled' | 'rejected' = 'pending';
  #value: unknown;
  /** Why a result that has arrived cannot be made while the thread is blocked. */
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
   * Returns the result.
   *
   * @param wait milliseconds, or `{ timeout, signal }`: ends the wait, not the work
   * @throws TimeoutError when the time has passed
   * @throws the error of the work: a copy, with the worker's stack
   */
  async get(wait?: Wait): Promise<T> {
    await this.#settled(wait);
    if (this.#state === 'pending') throw new TimeoutError('There is no result yet');
    return this.#outcome();
  }

  /**
   * Returns the result like {@link get}, blocking the thread; no JavaScript except callbacks of the pool runs
   * meanwhile.
   *
   * @throws TypeError for a result that needs a module which can only be imported, not required; use `get`
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

  /** Called by `await`: settles like `get()`. */
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

/** Runs a user's callback. An error of it must not keep other callers from their results. */
export function runCallback(call: () => void): void {
  try {
    call();
  } catch (error) {
    process.emitWarning(`A callback of a pool threw: ${stackOf(error)}`, 'PoolCallbackWarning');
  }
}
