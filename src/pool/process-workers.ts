/** Workers that are processes: daemons, which end with their parent and have no children of their own. */

import type { Readable } from 'node:stream';
import { signalNameOf } from '../process/exit-status.js';
import type { StartMethod } from '../process/launchers/launcher.js';
import { preloadAlways } from '../process/preload.js';
import { Process } from '../process/process.js';
import type { Assignment } from './worker/assignment.js';
import type { PoolWorker, RunOptions, WorkerEnd, WorkerSource } from './worker-source.js';

const entry = { module: new URL('./worker/process.js', import.meta.url), export: 'runWorker' };
preloadAlways(entry.module);
const prefixes = { fork: 'Fork', spawn: 'Spawn', forkserver: 'ForkServer' } as const;

/** Makes a source of workers by the start method, with these options of node. */
export function processWorkers(method: StartMethod, options: RunOptions): WorkerSource {
  return {
    kind: 'process',
    startsAtOnce: method === 'fork',
    start(assignment: Assignment): PoolWorker {
      const worker = new Process({ ...options, target: entry, args: [assignment], daemon: true, context: method });
      worker.name = worker.name.replace('Process', `${prefixes[method]}PoolWorker`);
      worker.start();
      return new ProcessWorker(worker);
    },
  };
}

/** A process or a thread as a worker of a pool. */
export class ProcessWorker implements PoolWorker {
  readonly name: string;
  readonly pid: number;
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
    this.name = process.name;
    this.pid = process.pid as number;
  }

  get stdout(): Readable | null {
    return this.#process.stdout;
  }

  get stderr(): Readable | null {
    return this.#process.stderr;
  }

  poll(): WorkerEnd | undefined {
    const { exitCode } = this.#process;
    return exitCode === null ? undefined : { exitCode, signal: signalNameOf(exitCode) };
  }

  onEnd(callback: () => void, keepAlive: boolean): () => void {
    const controller = new AbortController();
    this.#process.join({ ref: keepAlive, signal: controller.signal }).then(callback, () => {});
    return () => controller.abort();
  }

  terminate(): void {
    this.#process.terminate();
  }

  kill(): void {
    this.#process.kill();
  }
}
