/** Process on a thread: the same class, whose children are Workers of this process. */
import { childrenBy } from '../process/active-children.js';
import { launchedBy, type OwnProcessOptions, type ProcessOptions } from '../process/options.js';
import { isOwnClass } from '../process/own-classes.js';
import { Process as BaseProcess } from '../process/process.js';
import { threadLauncher } from './launcher.js';
import { checkAnyMethod } from './method.js';

/**
 * A thread that runs a function, or the `run` of a subclass, with the members of `Process` of `multiproc`. Mirrors
 * `multiprocessing.dummy.Process`.
 *
 * Arguments and fields are copied; shared objects are the same objects. A thread differs as follows: `pid` is this
 * process's and `ident` the Worker's `threadId`; the working directory is the process's at any time; `terminate`,
 * `kill` and `interrupt` end it at once, none of its handlers runs, and the exit code is −15, −9 or −2; threads end
 * with their process, daemonic or not. A daemonic one may have children.
 */
export class Process extends BaseProcess {
  /** @param options - those of `Process` of `multiproc`; `context` means nothing here */
  constructor(options: ProcessOptions = {}) {
    super(typeof options === 'object' && options !== null ? asThread(options) : options);
  }
}
isOwnClass(Process);

function asThread({ context, ...options }: ProcessOptions): OwnProcessOptions {
  if (context !== undefined && context !== null) {
    checkAnyMethod(typeof context === 'string' ? context : context.getStartMethod?.());
  }
  return { ...options, [launchedBy]: threadLauncher };
}

/** The threads that this one has started and that have not ended. Mirrors `multiprocessing.dummy.active_children`. */
export function activeChildren(): BaseProcess[] {
  return childrenBy(threadLauncher);
}
