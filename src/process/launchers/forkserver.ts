/** The start method `forkserver`: a child is a copy of a server that has loaded what children need, and nothing else. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { now } from '../../deadline.js';
import { ProcessError, SystemError } from '../../errors.js';
import { inspectorUrl } from '../../lifecycle/inspecting.js';
import { getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { connect, connectAhead, dismiss, isGone, type Server, Unsuitable } from '../forkserver/client.js';
import { difference } from '../forkserver/environment.js';
import { type Birth, packDescriptors, Report, receiveReport, request, sendData } from '../forkserver/protocol.js';
import { changedAttributes, variablesReadOnce } from '../forkserver/start-state.js';
import { unsuitability } from '../forkserver/unsuitable.js';
import { titleOf } from '../title.js';
import { ForkServerChild } from './forkserver-child.js';
import type { LaunchRequest, MethodLauncher, RunningChild } from './launcher.js';
import { spawnLauncher } from './spawn.js';

/** Default bound in ms on one fork by the server; an environment variable overrides it. */
const usualPatience = 20_000;
const longestPatience = 86_400_000;

export const forkServerLauncher: MethodLauncher = {
  method: 'forkserver',
  needsMessage: true,

  unavailable: () => unsuitability(process.execArgv),

  async warmUp() {
    if (unsuitability(process.execArgv) !== undefined) return;
    try {
      await connectAhead();
    } catch (error) {
      // The next child is spawned, and the log says why.
      if (!(error instanceof Unsuitable)) throw error;
    }
  },

  launch(launch: LaunchRequest): RunningChild {
    let reason = unsuitability(launch.execArgv) ?? debugged();
    if (reason === undefined) {
      try {
        const running = launchByServer(launch);
        if (typeof running !== 'string') return running;
        reason = running;
      } catch (error) {
        if (!(error instanceof Unsuitable)) throw error;
        reason = error.message;
      }
    }
    getLogger().info("spawning '%s' instead of forking it: %s", launch.facts.name, reason);
    return spawnLauncher.launch(launch);
  },
};

// A debugger of the program expects children that it can attach to.
function debugged(): string | undefined {
  return inspectorUrl() === undefined ? undefined : 'the inspector of this process is open';
}

// Returns a text if this one child has to be spawned: the reason.
function launchByServer(launch: LaunchRequest): RunningChild | string {
  for (let attempt = 1; ; attempt++) {
    const server = connect();
    const mismatch = misfit(server, launch);
    if (mismatch !== undefined) return mismatch;
    try {
      return ask(server, launch);
    } catch (error) {
      if (!isGone(error) && !(error instanceof Unresponsive)) throw error;
      server.process?.kill();
      dismiss(server);
      if (attempt === 2) throw new ProcessError('The fork server does not make children', { cause: error });
      getLogger().warning('the fork server is gone (%s), starting another', (error as Error).message);
    }
  }
}

class Unresponsive extends Error {}

// Returns why a copy of the server cannot be the requested child.
function misfit({ hello }: Server, { env, execArgv }: LaunchRequest): string | undefined {
  if (execArgv.join('\0') !== hello.execArgv.join('\0')) {
    return `the child runs with other options of node: ${execArgv.join(' ') || 'none'}`;
  }
  const [before, after] = [variablesReadOnce(hello.env), variablesReadOnce(env)];
  if (before !== after) {
    return `variables that are read once at the start differ: ${changedAttributes(before, after).join(', ')}`;
  }
  if (!native.canReplaceEnvironmentBlock() && Object.keys(hello.env).some((name) => hello.env[name] !== env[name])) {
    return 'variables were deleted or changed, and this kernel would go on showing them in /proc/PID/environ';
  }
  return undefined;
}

// Returns a text if this one child has to be spawned: the reason.
function ask(server: Server, { cwd, env, errand, facts, stdio }: LaunchRequest): RunningChild | string {
  const patience = forkPatience();
  const deadline = now() + patience;
  const [channel, theirs] = native.channelPair(false);
  let child: ForkServerChild | undefined;
  try {
    const { requests } = server;
    const { memory, notice, creator } = errand;
    const descriptors = packDescriptors({ requests, channel: theirs, stdio, memory, notice, creator });
    try {
      if (!native.channelSend(requests, request, descriptors, deadline)) throw unresponsive(patience);
    } finally {
      native.closeDescriptors([theirs]);
    }
    const report = receiveReport(channel, deadline);
    if (report === undefined) throw unresponsive(patience);
    if (report === 'end') throw new Unresponsive('it ended');
    if (report.kind === Report.accompanied) {
      native.closeDescriptors([channel]);
      return 'the fork server is not alone in its process: a thread or a debugger has come';
    }
    if (report.kind === Report.failed) throw failureOf(report.value, 'fork');
    const [sentinel] = report.descriptors;
    // The kernel drops descriptors for which there is no room. The child ends when it sees that it is not wanted.
    if (sentinel === undefined) throw failureOf(constants.errno.EMFILE, 'recvmsg');
    child = new ForkServerChild(report.value, sentinel, channel);
    const birth: Birth = {
      cwd,
      umask: native.inheritedUmask(),
      title: titleOf(facts.name),
      env: difference(server.hello.env, env),
    };
    // The child waits for this message. If the child has ended already, that is its end, and no failure here.
    try {
      if (!sendData(channel, birth, deadline)) throw unresponsive(patience);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return child;
  } catch (error) {
    if (child !== undefined) child.close();
    else native.closeDescriptors([channel]);
    throw error;
  }
}

/** Reads `MULTIPROC_FORKSERVER_TIMEOUT` in ms; any other text is ignored. */
function forkPatience(): number {
  const asked = Number(process.env.MULTIPROC_FORKSERVER_TIMEOUT);
  return asked > 0 && asked <= longestPatience ? asked : usualPatience;
}

function unresponsive(patience: number): Unresponsive {
  return new Unresponsive(`it did not answer for ${patience / 1000} s`);
}

function failureOf(errno: number, syscall: string): SystemError {
  const [code, text] = getSystemErrorMap().get(-errno) ?? ['EUNKNOWN', `error ${errno}`];
  return new SystemError(`${code}: ${text}, ${syscall}`, { code, errno, syscall, path: '' });
}
