/**
 * The start method `spawn`: a new node that runs this package's entry. It works everywhere and costs a node's start.
 */
import { fileURLToPath } from 'node:url';
import { inspectorUrl } from '../../lifecycle/inspecting.js';
import { executable } from '../executable.js';
import { startNode } from '../start-node.js';
import { titleOf } from '../title.js';
import { startDirectory } from '../working-directory.js';
import type { LaunchRequest, MethodLauncher, RunningChild } from './launcher.js';
import { OwnChild } from './own-child.js';

const program = fileURLToPath(new URL('../entry/main.js', import.meta.url));

export const spawnLauncher: MethodLauncher = {
  method: 'spawn',
  needsMessage: true,

  unavailable: () => undefined,

  launch({ argv, cwd, env, errand, execArgv, facts, given, stdio }: LaunchRequest): RunningChild {
    const pid = startNode({
      program,
      options: [
        `--title=${titleOf(facts.name)}`,
        // This process has the usual port: a child that is to be debugged takes a free one.
        ...(inspectorUrl() === undefined ? [] : ['--inspect-port=0']),
      ],
      execArgv,
      args: argv.slice(1),
      env,
      // The child changes to `cwd` itself, after node has resolved the paths in inherited options.
      directory: given.execArgv ? cwd : (startDirectory ?? cwd),
      // The numbers that entry/main.ts uses.
      descriptors: [...stdio, errand.memory, errand.notice, errand.creator],
    });
    return new OwnChild(pid, [executable(), ...execArgv].join(' '));
  },
};
