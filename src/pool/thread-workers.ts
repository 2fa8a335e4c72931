/** Workers that are threads of this process: daemons, which end with it. */
import { Process } from '../threads/process.js';
import { ProcessWorker } from './process-workers.js';
import type { RunOptions, WorkerSource } from './worker-source.js';

const entry = { module: new URL('./worker/thread.js', import.meta.url), export: 'runWorker' };

/** Makes a source of workers on threads, with these options of node. */
export function threadWorkers(options: RunOptions): WorkerSource {
  return {
    kind: 'thread',
    startsAtOnce: false,
    start(assignment) {
      const worker = new Process({ ...options, target: entry, args: [assignment], daemon: true });
      worker.name = worker.name.replace('Process', 'ThreadPoolWorker');
      worker.start();
      return new ProcessWorker(worker);
    },
  };
}
