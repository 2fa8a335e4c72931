/** The start method `spawn`: a fresh node that runs this package's entry. Works everywhere, costs a node's start. */
import { fileURLToPath } from 'node:url';
import { native } from '../../native.js';
import { executable } from '../executable.js';
import { startDirectory } from '../working-directory.js';
import type { LaunchRequest, MethodLauncher, RunningChild } from './launcher.js';
import { OwnChild } from './own-child.js';

const entry = fileURLToPath(new URL('../entry/main.js', import.meta.url));

export const spawnLauncher: MethodLauncher = {
  method: 'spawn',
  needsMessage: true,

  unavailable: () => undefined,

  launch({ argv, cwd, env, errand, execArgv, given, stdio }: LaunchRequest): RunningChild {
    const file = executable();
    const args = [file, ...execArgv, entry, ...argv.slice(1)];
    const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    // Where entry/main.ts looks for them.
    const fds = [...stdio, errand.memory, errand.notice, errand.creator];
    // The child changes to `cwd` itself, after node has resolved the paths in inherited options.
    const directory = given.execArgv ? cwd : (startDirectory ?? cwd);
    return new OwnChild(native.spawnProcess(file, args, environment, directory, fds));
  },
};
