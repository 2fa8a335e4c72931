/**
 * The start method `fork`: the child is a copy of this process, shares its memory until either writes, and runs the
 * target and nothing else. Nothing is serialised, so the target may be any function. Only for programs that were
 * started for it.
 */
import { isMainThread } from 'node:worker_threads';
import { ProcessError } from '../../errors.js';
import { forkHoldingSignals } from '../../lifecycle/after-fork.js';
import { makeRoomForLookups } from '../../lifecycle/child-lookups.js';
import { knowCaches } from '../../lifecycle/child-randomness.js';
import { reopenStdin, reopenStdio } from '../../lifecycle/child-stdio.js';
import { forkingCommand, isAbleToFork } from '../../lifecycle/single-threaded.js';
import { native } from '../../native.js';
import { modulesAreInterrupted } from '../../serialize/interrupted-modules.js';
import { inheritedExecArgv } from '../exec-argv.js';
import { type EngineQueues, engineQueues } from '../fork/engine-queues.js';
import { startAfresh } from '../fork/fresh-start.js';
import type { LaunchRequest, MethodLauncher, RunningChild } from './launcher.js';
import { OwnChild } from './own-child.js';

export const forkLauncher: MethodLauncher = {
  method: 'fork',
  needsMessage: false,

  unavailable() {
    if (!isMainThread) return 'a Worker cannot fork, as of the whole process only its thread would go on';
    if (!isAbleToFork()) {
      const program = process.argv[1] ?? 'FILE';
      return `forking needs V8 without helper threads. Start the program with: multiproc run ${program}, which is ${forkingCommand()}`;
    }
    const lacks = native.freshStartLacks();
    return lacks === undefined ? undefined : `this Node lacks ${lacks}`;
  },

  launch(request: LaunchRequest): RunningChild {
    checkPlace();
    checkExecArgv(request.execArgv);
    const queues = engineQueues();
    if (typeof queues === 'string')
      throw refusal(`by this Node: its queues are not as they are known here (${queues})`);
    knowCaches(queues.randomCaches);
    const pid = forkHoldingSignals();
    return pid === 0 ? live(queues, request) : new OwnChild(pid);
  },
};

function live(queues: EngineQueues, { live, env, stdio, execArgv }: LaunchRequest): never {
  startAfresh(queues, () => {
    native.takeStdio(...stdio);
    reopenStdin();
    if (stdio[1] !== 1 || stdio[2] !== 2) reopenStdio();
    process.execArgv = [...execArgv];
    takeEnvironment(env);
    makeRoomForLookups();
    modulesAreInterrupted();
    live();
  });
}

function takeEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  for (const [name, value] of Object.entries(env)) if (process.env[name] !== value) process.env[name] = value;
}

// Refuses a fork where the way out of the stack leads through code that cannot be unwound.
function checkPlace(): void {
  if ((process as unknown as { _exiting?: boolean })._exiting) {
    throw refusal("in an 'exit' handler: the process is ending, and the child would end with it");
  }
  const stack = wholeStack().split('\n');
  // Code that runs microtasks and waits for them: they would end, and it would continue.
  const checkpoint = stack.findLastIndex((line) => /\brunMicrotasks \(/.test(line));
  if (checkpoint >= 0 && stack.slice(checkpoint).some((line) => !/node:internal|<anonymous>/.test(line))) {
    throw refusal('by microtasks that run inside of another function: start the process from a timer');
  }
  // A call with a time-out waits at its end for a thread, which does not exist in the child.
  if (stack.some((line) => line.includes('(node:vm:'))) {
    throw refusal(
      'by code that node:vm runs, until its call has returned: start the process from a timer or after an await',
    );
  }
}

function wholeStack(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Infinity;
  try {
    return String(new Error().stack);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function checkExecArgv(execArgv: readonly string[]): void {
  if (inheritedExecArgv(process.execArgv).join('\n') === execArgv.join('\n')) return;
  throw refusal(
    `with other options of node ("execArgv": ${execArgv.join(' ')}), as the child is a copy of this process`,
  );
}

function refusal(why: string): ProcessError {
  return new ProcessError(`A process cannot be forked ${why}`, { code: 'ERR_MULTIPROC_FORK' });
}
