/** The node that runs spawned children and the fork server. */
import { Buffer } from 'node:buffer';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from '../deadline.js';
import { ProcessError, SystemError } from '../errors.js';
import { FdEvents, native, packageFolder } from '../native.js';
import { unexpected } from '../options/kinds.js';
import { markFor } from './child-mark.js';
import { nullDevice } from './null-device.js';
import { lookInterval, Progress } from './progress.js';

let chosen: string | undefined;
/** Executables that were verified as node. */
const verified = new Set<string>();

const oldestMajor = 20;

/**
 * Sets the node that runs children from now on; the default is this process's. The next `start()` checks that it is one.
 * A single executable application has to name one. Mirrors `multiprocessing.set_executable`.
 *
 * @param path - of an executable that takes node's arguments, as Node's own functions take paths: a string, its bytes or a
 *   `file:` URL
 * @throws TypeError for anything else
 */
export function setExecutable(path: string | Uint8Array | URL): void {
  // The child may start in another directory.
  chosen = resolve(textOf(path));
}

function textOf(path: unknown): string {
  if (typeof path === 'string') return path;
  if (path instanceof URL) return fileURLToPath(path);
  if (path instanceof Uint8Array) return Buffer.from(path).toString();
  throw unexpected('path', 'a string, bytes or a URL', path);
}

/**
 * Returns the path of the node that runs children.
 *
 * @throws ProcessError if it is not a node
 */
export function executable(): string {
  const path = chosen ?? process.execPath;
  if (!verified.has(path)) {
    if (isOwnExecutable(path)) checkOwnExecutable(path);
    else checkForeign(path);
    verified.add(path);
  }
  return path;
}

/** Variables without which this program's own executable is no node. */
export function executableEnvironment(): string[] {
  return process.versions.electron === undefined ? [] : ['ELECTRON_RUN_AS_NODE=1'];
}

/** Makes the error for an executable that does not run children. */
export function notANode(path: string, reason: string, cause?: unknown): ProcessError {
  return new ProcessError(
    `${path} cannot run children: ${reason}. Name a node with setExecutable(path)`,
    cause === undefined ? {} : { cause },
  );
}

function isOwnExecutable(path: string): boolean {
  if (path === process.execPath) return true;
  try {
    return realpathSync(path) === realpathSync(process.execPath);
  } catch {
    return false; // The version check reports the fault.
  }
}

function checkOwnExecutable(path: string): void {
  const { pkg } = process as unknown as { pkg?: unknown };
  // Older releases have no such module.
  const sea = process.getBuiltinModule('node:sea') as { isSea(): boolean } | undefined;
  if (pkg === undefined && sea?.isSea() !== true) return;
  throw notANode(path, 'it is a single executable application, which runs its own program whatever it is given');
}

/** The program that verifies a node: it prints the version, and whether it can load this package's addon. */
const question = `
  const { version, versions } = process;
  console.log(version, versions.bun === undefined ? 'node' : 'bun');
  require('module').createRequire(${JSON.stringify(`${packageFolder}/`)})('node-gyp-build')(${JSON.stringify(packageFolder)});
  console.log('loaded');
`;

function checkForeign(path: string): void {
  const { end, stdout, stderr } = runToEnd(path, ['-e', question]);
  const wrote = `${end} and wrote ${JSON.stringify(lastLines(stdout))} to stdout and ${JSON.stringify(lastLines(stderr))} to stderr`;
  const answer = /^v(\d+)\.\d+\.\d+\S* (node|bun)\n(loaded\n)?$/.exec(stdout);
  if (answer === null)
    throw notANode(path, `asked for its version as node is (-e 'console.log(process.version)'), ${wrote}`);
  const [, major, kind, loaded] = answer;
  if (kind === 'bun') throw notANode(path, 'it is Bun, and children need Node');
  if (Number(major) < oldestMajor) {
    throw notANode(path, `it is Node.js ${major}, and this package needs ${oldestMajor} or newer`);
  }
  if (loaded === undefined)
    throw notANode(path, `it is Node.js ${major} and cannot load this package's addon: ${wrote}`);
}

interface Run {
  /** How it ended, in words. */
  readonly end: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Upper bound on the output that is read; a process that writes more blocks, which counts as no progress. */
const longestText = 65_536;

// Runs it and blocks meanwhile, without modules that NODE_OPTIONS preloads.
function runToEnd(path: string, args: readonly string[]): Run {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const environment = [...variables, ...executableEnvironment(), markFor(path)];
  const [stdout, theirStdout] = native.channelPair(false);
  const [stderr, theirStderr] = native.channelPair(false);
  try {
    const pid = native.spawnProcess(path, [path, ...args], environment, '/', [nullDevice(), theirStdout, theirStderr]);
    return { end: endOf(pid), stdout: textFrom(stdout), stderr: textFrom(stderr) };
  } catch (error) {
    throw isMissing(error) ? notANode(path, error.message, error) : error;
  } finally {
    native.closeDescriptors([stdout, theirStdout, stderr, theirStderr]);
  }
}

function textFrom(channel: number): string {
  const bytes = Buffer.alloc(longestText);
  let length = 0;
  while (length < bytes.length) {
    const received = native.channelReceive(channel, bytes.subarray(length), 0);
    if (received === undefined || received.size === 0) break;
    length += received.size;
  }
  return bytes.toString('utf8', 0, length);
}

/** Whether a process could not be made because the file is missing or cannot be executed. */
export function isMissing(error: unknown): error is SystemError {
  return (
    error instanceof SystemError &&
    error.syscall === 'execve' &&
    ['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EPERM', 'ELIBBAD'].includes(error.code)
  );
}

/** Describes how a child ended that only this function reaps. A child that makes no progress is killed. */
function endOf(pid: number): string {
  const pidfd = native.processFile(pid);
  try {
    const progress = new Progress(pid);
    let verdict: string | undefined;
    while (native.fdPoll(Int32Array.of(pidfd, FdEvents.readable, 0), now() + lookInterval) !== 1) {
      verdict = progress.verdict();
      if (verdict === undefined) continue;
      native.signalProcess(pidfd, constants.signals.SIGKILL);
      break;
    }
    const [, code, signal] = native.waitChild(pid, false);
    return verdict === undefined ? describeEnd(signal === 0 ? code : -signal) : `${verdict}, was killed,`;
  } finally {
    native.closeDescriptors([pidfd]);
  }
}

/** An exit code, or −signal, in words. */
export function describeEnd(code: number): string {
  return code < 0 ? `it was ended by signal ${-code}` : `it ended with exit code ${code}`;
}

/** Returns the last lines of a process's output, for an error. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n').slice(-2000);
}
