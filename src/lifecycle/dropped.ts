/** Ends a resource that was garbage-collected while it was still running, with a warning. */
import { inspect } from 'node:util';
import { getLogger } from '../logging.js';
import { afterForkInChild } from './after-fork.js';

/** The type of the warning, as Python's ResourceWarning. */
const warningType = 'ResourceWarning';

interface Watched {
  /** Names the resource and the call that ends it: "A manager (pid 12)", "shutdown()". */
  readonly what: string;
  readonly cure: string;
  readonly end: () => unknown;
}

let collected = new FinalizationRegistry<Watched>(report);

/**
 * Watches a resource: when `owner` is garbage-collected before the returned function was called, the process emits a
 * `ResourceWarning` and `end` is called. `end` must not lead to `owner`; what it throws or rejects with is logged.
 *
 * A program that ends first emits no warning: resources are ended then by other means.
 *
 * @param what names the resource, as the beginning of a sentence: `Pool (2 processes)`
 * @param cure the call that should have ended it: `close() or terminate()`
 * @returns ends the watch: the resource was ended by its user
 */
export function watchDropped(owner: object, what: string, cure: string, end: () => unknown): () => void {
  const token = {};
  collected.register(owner, { what, cure, end }, token);
  const registry = collected;
  return () => registry.unregister(token);
}

function report({ what, cure, end }: Watched): void {
  process.emitWarning(`${what} was dropped while it was running, and is ended now: call ${cure} when it is done with`, {
    type: warningType,
  });
  try {
    Promise.resolve(end()).catch(logFailure);
  } catch (error) {
    logFailure(error);
  }
}

function logFailure(error: unknown): void {
  getLogger().warning('a dropped resource could not be ended: %s', inspect(error));
}

// The resources are the parent's: a forked child neither warns of them nor ends them.
afterForkInChild(() => {
  collected = new FinalizationRegistry(report);
});
