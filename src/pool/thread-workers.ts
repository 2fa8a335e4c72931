/** Workers that are threads of this process: daemons, so that they end with it. */
import { Process } from '../threads/process.js';
import { ProcessWorker } from './process-workers.js';
import type { RunOptions, WorkerSource } from './worker-source.js';

const entry = { module: new URL('./worker/thread.js', import.meta.url), export: 'runWorker' };

/** Workers that are threads, run by node as the options say. */
export function threadWorkers(options: RunOptions): WorkerSource {
  return {
    kind: 'thread',
    start(assignment) {
      const worker = new Process({ ...options, target: entry, args: [assignment], daemon: true });
      worker.name = worker.name.replace('Process', 'ThreadPoolWorker');
      worker.start();
      return new ProcessWorker(worker);
    },
  };
}
