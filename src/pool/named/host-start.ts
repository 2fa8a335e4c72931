/** Start of a named pool's host, a process that outlives the program that starts it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ProcessError, SystemError } from '../../errors.js';
import { native } from '../../native.js';
import { markFor, variable } from '../../process/child-mark.js';
import { inheritedExecArgv } from '../../process/exec-argv.js';
import { executable, executableEnvironment } from '../../process/executable.js';
import type { StartMethod } from '../../process/launchers/launcher.js';
import { titleOf } from '../../process/title.js';
import { startDirectory, workingDirectory } from '../../process/working-directory.js';
import type { PoolOptions } from '../options.js';

const program = fileURLToPath(new URL('./host.js', import.meta.url));

/** The descriptor at which the host finds its listening socket. */
export const listeningDescriptor = 3;

/** Upper bound on clients that the kernel queues until the host accepts them. */
const backlog = 1024;

/** The host's argument. */
export interface HostStart {
  readonly name: string;
  /** The program's `argv`, for the workers. */
  readonly argv: readonly string[];
}

/** Options of the workers. */
export interface HostOptions
  extends Pick<
    PoolOptions,
    'maxTasksPerChild' | 'minWorkers' | 'idleTimeout' | 'signals' | 'execArgv' | 'env' | 'resourceLimits'
  > {
  readonly context: StartMethod | undefined;
  readonly grace: number;
  readonly stdio: 'inherit' | 'ignore' | undefined;
  readonly authkey: Uint8Array;
}

/**
 * Starts the host unless one listens at the address. The socket is bound here, so of programs that start at the same
 * time the kernel lets one bind it, and the others can connect from that moment.
 *
 * @returns `false` if another program was first
 * @throws ProcessError if the host cannot be started
 */
export function startHost(name: string, address: string, stdio: 'inherit' | 'ignore'): boolean {
  let listening: number;
  try {
    listening = native.socketListen(true, address, 0, backlog);
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EADDRINUSE') return false;
    throw error;
  }
  try {
    launch(name, listening, stdio);
    return true;
  } finally {
    native.closeDescriptors([listening]);
  }
}

function launch(name: string, listening: number, stdio: 'inherit' | 'ignore'): void {
  const start: HostStart = { name, argv: process.argv.slice(1) };
  const path = executable();
  const options = [`--title=${titleOf(`pool ${name}`)}`];
  const env: Record<string, string | undefined> = {
    ...process.env,
    [variable]: textAfterName(markFor(program, options.length)),
  };
  for (const text of executableEnvironment()) env[text.slice(0, text.indexOf('='))] = textAfterName(text);
  // A session of its own: a signal to the program's terminal or process group does not end the host.
  const child = spawn(path, [...options, ...inheritedExecArgv(process.execArgv), program, JSON.stringify(start)], {
    cwd: startDirectory ?? workingDirectory(),
    env,
    detached: true,
    stdio: ['ignore', stdio, stdio, listening],
  });
  child.on('error', () => {});
  child.unref();
  if (child.pid !== undefined) return;
  throw new ProcessError(
    `The host of the pool '${name}' cannot be started: ${path} could not be run. Is the limit of processes reached?`,
  );
}

function textAfterName(variableText: string): string {
  return variableText.slice(variableText.indexOf('=') + 1);
}
