/** fork(2) for Node: one call, two processes that return from it. */

import { isMainThread } from 'node:worker_threads';
import { MultiprocError } from '../errors.js';
import { forkRepaired } from '../lifecycle/after-fork.js';
import { makeRoomForLookups } from '../lifecycle/child-lookups.js';
import { forkingCommand, isAbleToFork } from '../lifecycle/single-threaded.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';

/** Options of {@link fork}. */
export interface ForkOptions {
  /**
   * Fork also where the program was not started with `--single-threaded`. V8's helper threads do not exist in the
   * child, which then hangs or crashes as soon as the garbage collector or the compiler wants one of them: only for
   * children that end by `exit` or a signal after very little work. Default `false`.
   */
  unsafe?: boolean | undefined;
}

const forkOptions = new OptionTable<ForkOptions>({ unsafe: boolean });

/**
 * Makes a copy of this process that continues from here. Mirrors Python's `os.fork`.
 *
 * In the child the pid, `Math.random`, the caches of `node:crypto`, the exit route and the standard streams are
 * corrected: it may use everything, and ends like any Node program. Timers, servers, open descriptors and 'exit'
 * handlers are inherited. File system and DNS requests in flight, and pending waits of this package, are the parent's:
 * their promises never settle in the child.
 *
 * @returns the child's pid in the parent, 0 in the child
 * @throws MultiprocError with code `ERR_MULTIPROC_FORK` in a program that was not started with `node
 *   --single-threaded`, unless `{ unsafe: true }`, and always in a Worker
 * @throws SystemError `EAGAIN`, `ENOMEM`
 */
export function fork(options?: ForkOptions): number {
  forkOptions.check(options, 'fork');
  const unsafe = options?.unsafe ?? false;
  if (!isMainThread) throw refusal('A Worker cannot fork: of the whole process only its thread would go on');
  if (!unsafe && !isAbleToFork()) {
    throw refusal(`Forking needs V8 without helper threads. Start the program with: ${forkingCommand()}`);
  }
  const pid = forkRepaired();
  if (pid === 0) makeRoomForLookups();
  return pid;
}

function refusal(message: string): MultiprocError {
  return new MultiprocError(message, { code: 'ERR_MULTIPROC_FORK' });
}
