/** The start of a node that runs one of this package's own programs: a child, or a fork server. */
import { SystemError } from '../errors.js';
import { native } from '../native.js';
import { markFor } from './child-mark.js';
import { executable, executableEnvironment, isMissing, notANode } from './executable.js';

export interface NodeStart {
  /** The path of this package's program. */
  readonly program: string;
  /** Options of node, before `execArgv`: after a script in there they would be the script's. */
  readonly options: readonly string[];
  readonly execArgv: readonly string[];
  /** The program's arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Descriptors of this process that become the node's, from 0 on. */
  readonly descriptors: readonly number[];
}

/**
 * Starts the program.
 *
 * @returns its pid
 * @throws ProcessError if the executable is not a node
 * @throws SystemError if no further process can be made
 */
export function startNode({ program, options, execArgv, args, env, directory, descriptors }: NodeStart): number {
  const path = executable();
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const environment = [...variables, ...executableEnvironment(), markFor(program, options.length)];
  try {
    return native.spawnProcess(path, [path, ...options, ...execArgv, program, ...args], environment, directory, [
      ...descriptors,
    ]);
  } catch (error) {
    if (isMissing(error)) throw notANode(path, error.message, error);
    throw isLimit(error) ? tooMany(error) : error;
  }
}

function isLimit(error: unknown): error is SystemError {
  return error instanceof SystemError && error.code === 'EAGAIN';
}

function tooMany(cause: SystemError): SystemError {
  const { code, errno, syscall, path } = cause;
  const message = `${cause.message}: this user or control group may have no further process or thread (ulimit -u, pids.max)`;
  return new SystemError(message, { code, errno, syscall, path, cause });
}
