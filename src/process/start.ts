/** The start of a child: collects its current environment and passes it to the launcher. */
import type { Socket } from 'node:net';
import { ProcessError } from '../errors.js';
import { attach, me } from '../lifecycle/participant.js';
import { getLogger, loggingState } from '../logging.js';
import { Child } from './child.js';
import { runInherited } from './entry/perform.js';
import { closeErrand, type Errand, makeErrand, readMessage } from './errand.js';
import { inheritedExecArgv } from './exec-argv.js';
import type { ChildFacts } from './facts.js';
import { launcherOf } from './launchers/choose.js';
import type { Launcher, StartMethod } from './launchers/launcher.js';
import { mainUrl } from './main-module.js';
import { cancelMessage, composeMessage, discardMessage, type Work } from './message.js';
import { limitFlags, type ResourceLimits } from './resource-limits.js';
import { startIsForbidden } from './sandbox.js';
import { self } from './self.js';
import { type OpenStdio, openStdio, type Stdio } from './stdio.js';
import { currentDirectory, workingDirectory } from './working-directory.js';

/** Options of an object for the start of its child. */
export interface StartOptions {
  readonly execArgv?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly stdio: readonly Stdio[];
  readonly resourceLimits?: ResourceLimits | undefined;
}

/** Makes the facts of a child of this process. */
export function factsOf(child: Pick<ChildFacts, 'name' | 'identity' | 'daemon' | 'authkey' | 'method'>): ChildFacts {
  return {
    ...child,
    creator: { pid: process.pid, name: self.name, participant: ownParticipant() },
    argv: process.argv.slice(1),
    main: self.main ?? mainUrl(),
    cwd: currentDirectory(),
    logging: loggingState(),
  };
}

/** A child, and the pipes to it: its stdin, stdout and stderr. */
export interface Started {
  readonly child: Child;
  readonly streams: readonly (Socket | undefined)[];
}

/** Returns the launcher of a start method. @throws ProcessError if it cannot launch a child now */
export function launcherFor(method: StartMethod): Launcher {
  const launcher = launcherOf(method) as Launcher;
  const reason = startIsForbidden() ?? launcher.unavailable();
  if (reason === undefined) return launcher;
  throw new ProcessError(`The start method '${method}' cannot be used: ${reason}`, {
    code: method === 'fork' ? 'ERR_MULTIPROC_FORK' : 'ERR_MULTIPROC_PROCESS',
  });
}

/**
 * Starts the child.
 *
 * @param inherited - the work, for a child that has this process's memory
 */
export function launch(
  launcher: Launcher,
  facts: ChildFacts,
  work: Work,
  options: StartOptions,
  inherited: () => unknown,
): Started {
  const limits = options.resourceLimits ?? {};
  const flags = launcher.takesLimits === true ? [] : limitFlags(limits);
  const message = launcher.needsMessage ? composeMessage(facts, work) : undefined;
  let errand: Errand;
  try {
    errand = makeErrand(message);
  } catch (error) {
    if (message !== undefined) cancelMessage(message);
    throw error;
  }
  let pipes: OpenStdio['pipes'] = [];
  const closePipes = () => {
    for (const pipe of pipes) pipe?.close();
  };
  let child: Child;
  try {
    const stdio = openStdio(options.stdio);
    pipes = stdio.pipes;
    child = new Child(launcher, {
      facts,
      errand,
      live: () => {
        closePipes();
        void runInherited(facts, errand, inherited);
      },
      // A child that does not use it can run in a directory that is gone.
      get cwd() {
        return workingDirectory();
      },
      env: environment(options.env ?? process.env),
      given: { env: options.env !== undefined, execArgv: options.execArgv !== undefined },
      argv: facts.argv,
      execArgv: [...(options.execArgv ?? inheritedExecArgv(process.execArgv)), ...flags],
      resourceLimits: limits,
      stdio: stdio.fds,
    });
  } catch (error) {
    closePipes();
    // A child that had to be killed may have taken the objects of the message.
    const unread = readMessage(errand);
    closeErrand(errand);
    if (unread !== undefined) discardMessage(unread);
    throw error;
  }
  try {
    // A daemon is ended when nothing else keeps the program alive.
    return { child, streams: pipes.map((pipe, index) => pipe?.connect(index === 0, !facts.daemon)) };
  } catch (error) {
    child.abandon();
    closePipes();
    throw error;
  }
}

// Without a participant a program has no shared objects in results, but it has processes.
function ownParticipant(): number {
  try {
    attach();
  } catch (error) {
    getLogger().info('a child that ends takes the shared objects in its result along: %s', String(error));
  }
  return me;
}

/**
 * Variables by which a test runner makes a process report its tests. A child that has them writes in the runner's
 * protocol on the standard output, or ends with the runner's exit code. Those that only number the runner's workers
 * stay.
 */
const reporting = new Set(['NODE_TEST_CONTEXT', 'TAP_CHILD_ID', 'TAP_CHILD_KEY', 'TAP_CHILD_TS']);

function environment(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables))
    if (value !== undefined && !reporting.has(name)) environment[name] = String(value);
  return environment;
}
