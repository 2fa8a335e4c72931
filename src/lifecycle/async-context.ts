/** The async context (AsyncLocalStorage) in which functions of the user's run that are called later. */
import { AsyncResource } from 'node:async_hooks';

/** The function, to be run in the context of now: what calls it later is in the context of another request. */
export function inThisContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const resource = new AsyncResource('multiproc');
  return (...args) => resource.runInAsyncScope(fn, undefined, ...args);
}
