/** ThreadPool: Pool, whose workers are threads of this process. */
import { checkAnyMethod } from '../threads/method.js';
import type { PoolOptions } from './options.js';
import { Pool } from './pool.js';
import { threadWorkers } from './thread-workers.js';
import { runOptionsOf, type WorkerSource } from './worker-source.js';

/**
 * Workers that run functions, each one task at a time, where workers are threads. Mirrors `multiprocessing.pool.ThreadPool`.
 *
 * It is a {@link Pool} in all but this: arguments and results are copied also here, since threads share no objects; a
 * worker's `pid` is this process's; `terminate()`, and the end of a task that does not mind its signal, end the thread at
 * once, and no handler in it runs; what crashes the process takes all workers along. Workers may start children, and
 * Ctrl-C is this process's affair: `context` and `signals` mean nothing here.
 */
// biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters, as of Pool
export class ThreadPool<A extends any[] = any[]> extends Pool<A> {
  /** @internal Threads are of one process. */
  static override readonly shares: boolean = false;

  /** @internal Where the workers of this class come from. */
  static override workerSource({ context, ...options }: PoolOptions): WorkerSource {
    if (context !== undefined && context !== null) {
      checkAnyMethod(typeof context === 'string' ? context : context.getStartMethod?.());
    }
    return threadWorkers(runOptionsOf(options));
  }
}
