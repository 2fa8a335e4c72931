/** ThreadPool: Pool, whose workers are threads of this process. */
import { checkAnyMethod } from '../threads/method.js';
import type { PoolOptions } from './options.js';
import { Pool } from './pool.js';
import { threadWorkers } from './thread-workers.js';
import { runOptionsOf, type WorkerSource } from './worker-source.js';

/**
 * Workers that run functions, one task at a time each, on threads. Mirrors `multiprocessing.pool.ThreadPool`.
 *
 * It is a {@link Pool} with these differences: arguments and results are copied here, too, since threads share no
 * objects; a worker's `pid` is this process's; `terminate()`, and the end of a task that ignores its signal, end the
 * thread at once, and no handler in it runs; a crash of the process ends all workers. Workers may start children, and
 * Ctrl-C goes to this process: `context` and `signals` have no effect.
 */
// biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters, as of Pool
export class ThreadPool<A extends any[] = any[]> extends Pool<A> {
  /** @internal Threads belong to one process. */
  static override readonly shares: boolean = false;

  /** @internal Returns the source of this class's workers. */
  static override workerSource({ context, ...options }: PoolOptions): WorkerSource {
    if (context !== undefined && context !== null) {
      checkAnyMethod(typeof context === 'string' ? context : context.getStartMethod?.());
    }
    return threadWorkers(runOptionsOf(options));
  }
}
