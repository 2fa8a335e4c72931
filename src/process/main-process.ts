/** Whether this is a program's main process, set before any of its modules is loaded. */
import { isMainThread } from 'node:worker_threads';
import { wasStartedAsChild } from './child-mark.js';

const mark = Symbol.for('multiproc.child');
const marks = process as unknown as Record<symbol, boolean | undefined>;

/**
 * False in everything that multiproc started and in Workers; true elsewhere, also in workers of `node:cluster` and pm2.
 * A main module that starts processes while it is loaded guards that with it, as children may have to load it: `if
 * (isMainProcess) await main()`. Mirrors `__name__ == '__main__'`. Where Node has `import.meta.main`, that works, too.
 */
export let isMainProcess: boolean = isMainThread && marks[mark] !== true && !wasStartedAsChild();

/** Marks this process as a child, also for copies of this package that are loaded later. */
export function markAsChild(): void {
  marks[mark] = true;
  isMainProcess = false;
}
