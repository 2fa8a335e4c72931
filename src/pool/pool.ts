/** Pool: functions run by a set of worker processes, as in Python's class of this name. */

import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { type ParsedWait, parseWait, type Wait } from '../deadline.js';
import { ClosedError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { inThisContext } from '../lifecycle/async-context.js';
import { watchDropped } from '../lifecycle/dropped.js';
import { Finalize } from '../lifecycle/finalize.js';
import { argumentList } from '../process/arguments.js';
import { getStartMethod, methodOfContext } from '../process/start-method.js';
import { type TargetOf, travellingTarget } from '../process/target.js';
import { waiting } from '../process/waiting.js';
import { type Block, blockOf } from '../shared/block.js';
import { clearInterval, queueMicrotask, setInterval } from '../timing.js';
import { checkFunction, checkIterable, checkSize, listOf } from './arguments.js';
import { type AsyncCallbacks, AsyncResult, runCallback } from './async-result.js';
import { Interrupt } from './board.js';
import { taskSettled, type WorkerLostMessage, workerLost } from './channels.js';
import { type Engine, type EngineOwner, engineMaker, type WithEngine } from './engine.js';
import { ImapIterator } from './imap.js';
import { ImapProgress } from './imap-progress.js';
import { automaticChunksize, MapJob } from './map-job.js';
import { checkNamed } from './named/config.js';
import { Membership } from './named/membership.js';
import {
  type ApplyOptions,
  applyAsyncOptions,
  applyOptions,
  crewSizeOf,
  type ImapOptions,
  imapOptions,
  type LooseArguments,
  type MapAsyncOptions,
  type MapOptions,
  mapAsyncOptions,
  mapOptions,
  type PoolOptions,
  poolOptions,
} from './options.js';
import { OwnWorkers } from './own-workers.js';
import { type Payload, packValues } from './payload.js';
import { processWorkers } from './process-workers.js';
import { progressBar } from './progress.js';
import { Signals } from './signals.js';
import type { PoolStats } from './stats.js';
import { SingleTask, type TaskOptions } from './task.js';
import { Application } from './task-record.js';
import { runOptionsOf, type WorkerSource } from './worker-source.js';

interface Job {
  readonly isFed: boolean;
  feed(): void;
  feedNow(): void;
  fail(error: unknown): void;
  unbind?(): void;
}

type State = 'running' | 'closed' | 'terminated';
const stateWords = { running: 'RUN', closed: 'CLOSE', terminated: 'TERMINATE' };

const leastBuffer = 16;
/** Pools that have not ended. */
const pools = new Set<WeakRef<Pool>>();
/** Pools with unfinished work: they are in use, whether or not the program refers to them. */
const working = new Set<Pool>();

/**
 * Workers that run functions, one task at a time each. Mirrors `multiprocessing.Pool`.
 *
 * Functions travel by reference: they have to be exported by their module, or registered. A worker that dies fails the
 * task that it was running with a {@link WorkerLostError}, and is replaced; nothing else is lost. An idle pool does not
 * keep the program alive, unfinished tasks do.
 */
// biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters, for the constructor alone
export class Pool<A extends any[] = any[]> {
  readonly #engine: Engine;
  readonly #jobs = new Set<Job>();
  readonly #signals = new Signals();
  readonly #serveSync: (deadline: number) => void;
  #state: State = 'running';
  /** Why there are no workers. */
  #failure: { readonly error: unknown } | undefined;
  /** Whether it was terminated with unfinished work. */
  #isCutShort = false;
  #isGone = false;
  readonly #goneWaiters = new Set<() => void>();
  #isForeign = false;
  readonly #unwatch: () => void;

  /**
   * Starts the workers of a pool of up to four, or the first one of a larger pool, and returns. Others follow in the
   * background, up to `minWorkers`, and when there are more tasks than workers.
   *
   * @param processes number of workers; default: the number of CPUs that this process may use
   * @throws ValueError for less than 1, for a `maxTasksPerChild` that is no integer above 0, and in a daemon, which may
   *   not have children
   * @throws TypeError for options of the wrong type, and for an initializer or arguments that cannot travel
   * @throws the errors of `Process.start`
   */
  constructor(processes?: number | null, options: PoolOptions<A> = {}) {
    refuseClones(this);
    const given = processes == null ? undefined : checkSize(processes);
    poolOptions.check(options, new.target.name);
    const size = crewSizeOf(given, options);
    const { initargs = [], grace = 1000 } = options;
    const initializer = options.initializer == null ? undefined : travellingTarget(options.initializer, 'initializer');
    const args = argumentList(initargs, 'initargs');
    const { shares } = new.target as typeof Pool;
    if (options.name !== undefined && !shares) throw new ValueError(unshared(new.target.name));
    if (options.name !== undefined) checkNamed(options);
    const self = new WeakRef<Pool>(this);
    const ends = { cancel: () => {} };
    const owner = Pool.#ownerFor(self, ends);
    const makeEngine = (options as WithEngine)[engineMaker];
    const engine: Engine =
      makeEngine !== undefined
        ? makeEngine(owner)
        : options.name === undefined
          ? new OwnWorkers(
              {
                size,
                grace,
                source: (new.target as typeof Pool).workerSource(options),
                initializer,
                initargs: args,
                options,
              },
              owner,
            )
          : new Membership(
              given ?? options.maxWorkers ?? undefined,
              size.most,
              { ...options, name: options.name, initargs: args },
              owner,
            );
    this.#engine = engine;
    this.#serveSync = (deadline) => {
      this.#engine.serveSync(deadline);
      for (const job of this.#jobs) if (!job.isFed) job.feedNow();
    };
    pools.add(self);
    const what =
      makeEngine === undefined ? `A ${new.target.name} (${size.most} workers)` : `A ${new.target.name} on Redis`;
    const dropped = Pool.#endWhenDropped(this, engine, what);
    const atExit = Pool.#endAtExit(self, engine);
    this.#unwatch = dropped;
    Pool.#whenEnded(ends, dropped, atExit);
  }

  // Static, because a closure in the constructor would refer to the pool, and no engine may. Only the program and
  // unfinished work refer to a pool, so that one that is dropped while it runs can be ended.

  static #ownerFor(self: WeakRef<Pool>, ends: { readonly cancel: () => void }): EngineOwner {
    const tell = (act: (pool: Pool) => void) => {
      const pool = self.deref();
      if (pool !== undefined) act(pool);
    };
    return {
      moved: () => tell((pool) => pool.#moved()),
      failed: (error) => tell((pool) => pool.#fail(error)),
      gone: () => {
        ends.cancel();
        pools.delete(self);
        tell((pool) => pool.#gone());
      },
      lost: (worker) => {
        if (!workerLost.hasSubscribers) return;
        const pool = self.deref();
        if (pool === undefined) return;
        const message: WorkerLostMessage = { pool, ...worker };
        workerLost.publish(message);
      },
      finished: (task, pid, ok, waited, ran) => {
        if (!taskSettled.hasSubscribers) return;
        const pool = self.deref();
        if (pool !== undefined) taskSettled.publish({ pool, fn: task.fn.name, ok, pid, waited, ran });
      },
    };
  }

  static #endAtExit(self: WeakRef<Pool>, engine: Engine): Finalize {
    const leave = () => {
      const pool = self.deref();
      if (pool === undefined) engine.leave();
      else pool.#leave();
    };
    return new Finalize(leave, { exitPriority: 15 });
  }

  /** @returns a function that ends the watch */
  static #endWhenDropped(pool: Pool, engine: Engine, what: string): () => void {
    const end = () => engine.terminate(new ClosedError('The pool was dropped'));
    return watchDropped(pool, what, 'close() or terminate()', end);
  }

  static #whenEnded(ends: { cancel: () => void }, unwatch: () => void, atExit: Finalize): void {
    ends.cancel = () => {
      unwatch();
      atExit.cancel();
    };
  }

  /** @internal Whether a pool of this class can be shared by several programs. */
  static readonly shares: boolean = true;

  /** @internal Returns the source of this class's workers. */
  static workerSource({ context, ...options }: PoolOptions): WorkerSource {
    return processWorkers(methodOfContext(context) ?? getStartMethod(), runOptionsOf(options));
  }

  /** Runs the function in a worker; short for `apply(fn, args)`. */
  run<A extends unknown[], R>(fn: TargetOf<A, R>, ...args: A): Promise<Awaited<R>> {
    return this.apply(fn, args);
  }

  /**
   * Runs the function in a worker. Mirrors `Pool.apply`, but does not block.
   *
   * @param args its arguments, read now: an array, or another iterable except a string
   * @param options `timeout` counts from the start of the run. When it has passed, or the signal fires, the promise
   *   rejects at once; `currentTask().signal` fires in the task, and a worker that is still busy after the pool's `grace`
   *   is replaced
   * @returns a promise of its result. It rejects with the error that it threw, with TypeError for arguments that cannot
   *   travel, MaybeEncodingError for a result that cannot, TimeoutError, the signal's reason, WorkerLostError, and with
   *   ClosedError if the pool is terminated before
   * @throws ValueError (as a rejection) after `close()`
   */
  apply<A extends unknown[], R>(
    fn: TargetOf<A, R>,
    args?: Readonly<NoInfer<A>> | LooseArguments,
    options?: ApplyOptions,
  ): Promise<Awaited<R>> {
    return new Promise((resolve, reject) => {
      applyOptions.check(options, 'apply');
      this.#call(fn, args, options, (ok, value) => (ok ? resolve(value as Awaited<R>) : reject(value)));
    });
  }

  /**
   * Runs the function in a worker. Mirrors `Pool.apply_async`.
   *
   * @throws ValueError after `close()`; TypeError unless `fn` is a function
   */
  applyAsync<A extends unknown[], R>(
    fn: TargetOf<A, R>,
    args?: Readonly<NoInfer<A>> | LooseArguments,
    options: AsyncCallbacks<Awaited<R>> & ApplyOptions = {},
  ): AsyncResult<Awaited<R>> {
    this.#checkRunning();
    checkFunction(fn);
    applyAsyncOptions.check(options, 'applyAsync');
    const result = new AsyncResult<Awaited<R>>(options, this.#serveSync);
    try {
      const stuck = (error: unknown) => result.stick(error);
      this.#call(fn, args, options, (ok, value) => result.settle(ok, value), stuck);
    } catch (error) {
      result.settle(false, error);
    }
    return result;
  }

  /**
   * Applies the function to every item. Mirrors `Pool.map`, but does not block.
   *
   * @returns a promise of the results, in the order of the items. It rejects with the first error, after all chunks
   *   have ended; a chunk ends with its first error
   */
  map<T, R>(fn: TargetOf<[item: T], R>, items: Iterable<T>, options?: MapOptions): Promise<Awaited<R>[]> {
    return this.#mapPromise(fn, items, Application.each, options);
  }

  /** Like {@link map}, where each item is a list of arguments. Mirrors `Pool.starmap`. */
  starmap<A extends unknown[], R>(
    fn: TargetOf<A, R>,
    items: Iterable<Readonly<A>>,
    options?: MapOptions,
  ): Promise<Awaited<R>[]> {
    return this.#mapPromise(fn, items, Application.spread, options);
  }

  /** Like {@link map}, returning at once. Mirrors `Pool.map_async`. */
  mapAsync<T, R>(
    fn: TargetOf<[item: T], R>,
    items: Iterable<T>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): AsyncResult<Awaited<R>[]> {
    return this.#mapResult(fn, items, Application.each, options);
  }

  /** Like {@link starmap}, returning at once. Mirrors `Pool.starmap_async`. */
  starmapAsync<A extends unknown[], R>(
    fn: TargetOf<A, R>,
    items: Iterable<Readonly<A>>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): AsyncResult<Awaited<R>[]> {
    return this.#mapResult(fn, items, Application.spread, options);
  }

  /**
   * Applies the function to items that are fetched on demand, from an iterable or async iterable that may be endless.
   * Mirrors `Pool.imap`, which fetches them all at once.
   *
   * @returns an async iterator of the results, in the order of the items; its `next` takes a time-out
   * @throws ValueError after `close()`, and for sizes below 1; TypeError unless `fn` is a function and the items are
   *   iterable
   */
  imap<T, R>(
    fn: TargetOf<[item: T], R>,
    items: Iterable<T> | AsyncIterable<T>,
    options?: ImapOptions,
  ): ImapIterator<Awaited<R>> {
    return this.#imap(fn, items, true, options);
  }

  /** Like {@link imap}, in the order in which results arrive. Mirrors `Pool.imap_unordered`. */
  imapUnordered<T, R>(
    fn: TargetOf<[item: T], R>,
    items: Iterable<T> | AsyncIterable<T>,
    options?: ImapOptions,
  ): ImapIterator<Awaited<R>> {
    return this.#imap(fn, items, false, options);
  }

  /** Takes no more work; workers end when all is done. Idempotent. Mirrors `Pool.close`. */
  close(): void {
    if (this.#state !== 'running') return;
    this.#state = 'closed';
    this.#unwatch();
    this.#moved();
  }

  /**
   * Ends the workers now: unfinished work rejects with a ClosedError. A worker that ignores SIGTERM is killed after the
   * `grace`. Idempotent. Mirrors `Pool.terminate`.
   */
  terminate(): void {
    this.#terminate(new ClosedError('The pool was terminated before the work was done'));
  }

  /**
   * Ends the pool gracefully: takes no more work, finishes its tasks, then ends its workers. For the end of a service:
   * `process.once('SIGTERM', () => pool.drain(8000))`. Python has `close()` and `join()` for it, without a limit.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit. Tasks that are unfinished at the time-out
   *   reject with a ClosedError that says so, and their workers are ended as by {@link terminate}. The signal ends the
   *   wait alone
   * @returns whether all work was finished; `false` too if the pool was terminated meanwhile. The workers have ended
   * @throws the signal's `reason` once it fired
   */
  async drain(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    this.close();
    // Results of imap that were not taken stay with their iterators.
    for (const job of [...this.#jobs]) job.unbind?.();
    if (parsed.ref) this.#engine.hold();
    if (parsed.deadline <= 0 || !(await this.#waitUntilGone(parsed))) {
      const limit = (typeof wait === 'number' ? wait : wait?.timeout) ?? 0;
      const span = limit > 0 ? `within ${limit} ms` : 'at once';
      this.#terminate(new ClosedError(`The pool was drained, and the work was not done ${span}`));
      await this.#waitUntilGone(parseWait({ ref: parsed.ref, signal: parsed.signal }));
    }
    return !this.#isCutShort;
  }

  /**
   * Waits for the end of all workers. A pending wait keeps the program alive. Mirrors `Pool.join`.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns whether they have ended
   * @throws ValueError before `close()` or `terminate()`
   */
  async join(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    if (this.#state === 'running') throw new ValueError('Pool is still running');
    parsed.signal?.throwIfAborted();
    for (const job of [...this.#jobs]) job.unbind?.();
    if (parsed.deadline <= 0) return this.#isGone;
    if (parsed.ref) this.#engine.hold();
    return this.#waitUntilGone(parsed);
  }

  /** @internal */
  [blockOf](): Block {
    return this.#engine.block;
  }

  /**
   * The workers' stdout as one stream, with `'pipe'` in the pool's `stdio`; otherwise null. It ends with the last
   * worker. Read it: a worker waits while it is full.
   */
  get stdout(): Readable | null {
    return this.#engine.stdout;
  }

  /** The workers' stderr, like {@link stdout}. */
  get stderr(): Readable | null {
    return this.#engine.stderr;
  }

  /** Returns the current state of the pool and its workers, and histograms of run and wait times. */
  stats(): PoolStats {
    const { queued, unfinished, completed, failed, lost, runTime, waitTime } = this.#engine;
    return {
      workers: this.#isGone ? [] : this.#engine.workers(),
      queued: Math.min(queued, unfinished),
      running: Math.max(unfinished - queued, 0),
      completed,
      failed,
      lost,
      runTime: runTime.summary(),
      waitTime: waitTime.summary(),
    };
  }

  /** Terminates the pool and waits for its end, as leaving Python's `with` block does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate();
    await this.join();
  }

  /** @internal */
  [inspect.custom](): string {
    return `<${this.constructor.name} state=${stateWords[this.#state]} pool_size=${this.#engine.size}>`;
  }

  /** @internal Forgets workers and tasks in the child of a fork: they are the parent's. */
  disown(): void {
    this.#isForeign = true;
    this.#state = 'terminated';
    this.#isGone = true;
    this.#jobs.clear();
    this.#engine.forget();
  }

  #call(
    fn: unknown,
    args: Iterable<unknown> = [],
    options: ApplyOptions | undefined,
    settled: (ok: boolean, value: unknown) => void,
    stuck?: (error: unknown) => void,
  ): void {
    this.#checkRunning();
    const known = this.#engine.functions.of(fn);
    const list = argumentList(args, 'args');
    if (options === undefined) {
      const task = new SingleTask(
        { fn: known, application: Application.call, timeout: Infinity, interruptible: false },
        settled,
        stuck,
      );
      this.#engine.submit(task, this.#pack(list));
      working.add(this);
      return;
    }
    const { signal } = options;
    const timeout = durationOf(options);
    signal?.throwIfAborted();
    const limits: TaskOptions = {
      fn: known,
      application: Application.call,
      timeout,
      interruptible: timeout !== Infinity || signal !== undefined,
    };
    let unwatch: (() => void) | undefined;
    const ended = (ok: boolean, value: unknown) => {
      unwatch?.();
      settled(ok, value);
    };
    const task = new SingleTask(limits, ended, stuck);
    this.#engine.submit(task, this.#pack(list));
    working.add(this);
    if (signal === undefined) return;
    unwatch = this.#signals.watch(signal, () => this.#engine.giveUp(task, Interrupt.aborted, signal.reason));
  }

  #pack(args: readonly unknown[]): Payload {
    return this.#engine.pack?.(args, 'args') ?? packValues(args, 'args');
  }

  #mapPromise<R>(
    fn: unknown,
    items: unknown,
    application: Application,
    options: MapOptions | undefined,
  ): Promise<Awaited<R>[]> {
    return new Promise((resolve, reject) => {
      mapOptions.check(options, application === Application.each ? 'map' : 'starmap');
      this.#map(fn, items, application, options, (ok, value) => (ok ? resolve(value as Awaited<R>[]) : reject(value)));
    });
  }

  #mapResult<R>(
    fn: unknown,
    items: unknown,
    application: Application,
    options: MapAsyncOptions<R> | undefined,
  ): AsyncResult<R[]> {
    this.#checkRunning();
    checkFunction(fn);
    mapAsyncOptions.check(options, application === Application.each ? 'mapAsync' : 'starmapAsync');
    // Without items no callback runs, as in Python.
    let callbacks: AsyncCallbacks<R[]> = options ?? {};
    const list = listOf(items, 'items');
    if (list.length === 0) callbacks = {};
    const result = new AsyncResult<R[]>(callbacks, this.#serveSync);
    try {
      const stuck = (error: unknown) => result.stick(error);
      this.#map(fn, list, application, options, (ok, value) => result.settle(ok, value), stuck);
    } catch (error) {
      result.settle(false, error);
    }
    return result;
  }

  #map(
    fn: unknown,
    items: unknown,
    application: Application,
    options: MapOptions = {},
    settled: (ok: boolean, value: unknown) => void,
    stuck?: (error: unknown) => void,
  ): void {
    this.#checkRunning();
    const known = this.#engine.functions.of(fn);
    const { signal, progress } = options;
    const onProgress = options.onProgress && inThisContext(options.onProgress);
    const timeout = durationOf(options);
    const list = listOf(items, 'items');
    const chunksize = options.chunksize ?? automaticChunksize(list.length, this.#engine.size);
    signal?.throwIfAborted();
    if (list.length === 0) {
      settled(true, []);
      return;
    }
    const bar = progress === true ? progressBar(list.length) : undefined;
    let unwatch: (() => void) | undefined;
    const job = new MapJob(
      this.#engine,
      this.#engine.size,
      list,
      {
        fn: known,
        application,
        chunksize,
        timeout,
        interruptible: timeout !== Infinity || signal !== undefined,
        stuck,
        onProgress: (done, total) => {
          bar?.update(done);
          if (onProgress !== undefined) runCallback(() => onProgress(done, total));
        },
      },
      (ok, value) => {
        this.#jobs.delete(job);
        unwatch?.();
        bar?.stop();
        settled(ok, value);
        this.#moved();
      },
    );
    this.#jobs.add(job);
    working.add(this);
    if (signal !== undefined) unwatch = this.#signals.watch(signal, () => job.fail(signal.reason));
    job.feed();
  }

  #imap<R>(
    fn: unknown,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    ordered: boolean,
    options: ImapOptions = {},
  ): ImapIterator<R> {
    this.#checkRunning();
    imapOptions.check(options, ordered ? 'imap' : 'imapUnordered');
    const { onProgress, progress } = options;
    const chunksize = options.chunksize ?? 1;
    const buffersize = options.buffersize ?? Math.max(leastBuffer, this.#engine.size * 4) * chunksize;
    const known = this.#engine.functions.of(fn);
    checkIterable(items);
    const job: ImapIterator<R> = new ImapIterator<R>(
      this.#engine,
      items,
      { fn: known, chunksize, buffersize, ordered, progress: new ImapProgress(items, progress, onProgress) },
      () => {
        this.#jobs.delete(job);
        queueMicrotask(() => this.#moved());
      },
    );
    this.#jobs.add(job);
    working.add(this);
    job.feed();
    return job;
  }

  /** Submits more work, or ends the pool, after an outcome. */
  #moved(): void {
    for (const job of this.#jobs) if (!job.isFed) job.feed();
    if (this.#jobs.size > 0 || this.#engine.unfinished > 0) return;
    working.delete(this);
    if (this.#state === 'closed') this.#engine.finish();
  }

  /** Fails the pool: there will be no workers. */
  #fail(error: unknown): void {
    if (this.#state === 'terminated') return;
    this.#failure = { error };
    this.#terminate(error);
  }

  #terminate(reason: unknown): void {
    if (this.#state === 'terminated') return;
    this.#isCutShort = this.#jobs.size > 0 || this.#engine.unfinished > 0;
    this.#state = 'terminated';
    this.#unwatch();
    for (const job of [...this.#jobs]) job.fail(reason);
    this.#jobs.clear();
    this.#engine.terminate(reason);
  }

  /** Leaves the pool at the end of the program. */
  #leave(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.#engine.leave();
  }

  #gone(): void {
    this.#isGone = true;
    if (this.#state === 'closed') this.#state = 'terminated';
    working.delete(this);
    for (const waiter of [...this.#goneWaiters]) waiter();
  }

  async #waitUntilGone(wait: ParsedWait): Promise<boolean> {
    if (this.#isGone) return true;
    // Polls as a fallback: a missed notification must not block the pool indefinitely.
    const glance = setInterval(() => this.#engine.poll(), 500);
    if (!wait.ref) glance.unref();
    return waiting(
      wait,
      ({ resolve }) => {
        const gone = () => resolve(true);
        this.#goneWaiters.add(gone);
        return () => {
          clearInterval(glance);
          this.#goneWaiters.delete(gone);
        };
      },
      ({ resolve }) => resolve(false),
    );
  }

  #checkRunning(): void {
    if (this.#state === 'running') return;
    if (this.#isForeign) throw new ValueError('The pool belongs to the process that this one was forked from');
    if (this.#failure !== undefined) throw this.#failure.error;
    throw new ValueError('Pool not running');
  }
}
isNoData(Pool);

function unshared(className: string): string {
  return (
    `A ${className} cannot have a name: its workers are threads of this process, which no other program can use. ` +
    'Take a Pool of processes, or leave the name out'
  );
}

/** Returns the upper bound on the run of the work, in ms. */
function durationOf({ timeout }: ApplyOptions): number {
  return Math.max(timeout ?? Infinity, 0);
}

afterForkInChild(() => {
  for (const pool of pools) pool.deref()?.disown();
  pools.clear();
  working.clear();
});
