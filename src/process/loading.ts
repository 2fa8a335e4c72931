/** Detection of code of modules that a child is loading: such code must not start processes. */
import { type AsyncHook, AsyncLocalStorage, createHook } from 'node:async_hooks';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { setImmediate } from '../timing.js';
import { isBeforeEntry } from './child-mark.js';

/** Number of loads in progress; all code that runs meanwhile counts as theirs. */
let loads = 0;

/**
 * Holds `true` in asynchronous work that modules left behind when they were loaded, such as a main function that
 * continues after an `await`.
 */
let scope: AsyncLocalStorage<boolean> | undefined;

/** Whether modules have left work behind that may run later: the scope stays. */
let kept = false;

/** Whether an AsyncLocalStorage costs nothing; before Node 24, each `await` of the process takes up to 1 µs longer. */
const storageIsFree = Number(process.versions.node.split('.')[0]) >= 24;

/**
 * Key of the environment data by which Workers that modules make in a loading child learn that they are part of the
 * loading.
 */
const workerKey = 'multiproc:loading';

const madeWhileLoading = !isMainThread && getEnvironmentData(workerKey) === true;

/** Loads modules of the program in a child. */
export async function whileLoading<T>(load: () => Promise<T>): Promise<T> {
  beginScope();
  const loaded = beginLoading();
  try {
    return await (scope as AsyncLocalStorage<boolean>).run(true, load);
  } finally {
    loaded();
    if (loads === 0 && !kept) setImmediate(dropScope).unref();
  }
}

/** Marks all code as loading until the returned function is called. */
export function beginLoading(): () => void {
  if (loads++ === 0) setEnvironmentData(workerKey, true);
  return () => {
    if (--loads === 0) setEnvironmentData(workerKey, undefined);
  };
}

/** Runs the work of a child, which may start processes, also if its caller was loaded before. */
export function outsideLoading<T>(work: () => T): T {
  return scope === undefined ? work() : scope.run(false, work);
}

export function isLoading(): boolean {
  return loads > 0 || madeWhileLoading || scope?.getStore() === true || isBeforeEntry();
}

/** Unfinished resources of the scope by their async id: unsettled promises, timers, requests. */
const unfinished = new Map<number, string>();
let watch: AsyncHook | undefined;

function beginScope(): void {
  scope ??= new AsyncLocalStorage();
  if (storageIsFree || kept) return;
  watch ??= createHook({
    init(id, type) {
      if (scope?.getStore() === true) unfinished.set(id, type);
    },
    // A promise that `await` makes for itself never settles.
    after(id) {
      if (unfinished.get(id) === 'PROMISE') unfinished.delete(id);
    },
    promiseResolve: (id) => unfinished.delete(id),
    destroy: (id) => unfinished.delete(id),
  });
  watch.enable();
}

// In a later turn, when Node has reported which resources are gone.
function dropScope(): void {
  if (loads > 0 || kept) return;
  watch?.disable();
  if (storageIsFree) return;
  if (unfinished.size > 0) kept = true;
  else scope?.disable();
  unfinished.clear();
}

// A preloaded module in a child: work that it leaves behind counts as well.
if (isBeforeEntry()) {
  scope = new AsyncLocalStorage();
  scope.enterWith(true);
  kept = true;
}
