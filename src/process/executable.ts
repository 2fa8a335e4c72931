/** Which node runs spawned children and the fork server. */
import { Buffer } from 'node:buffer';
import { openSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from '../deadline.js';
import { ProcessError, SystemError } from '../errors.js';
import { FdEvents, native } from '../native.js';
import { unexpected } from '../options/kinds.js';
import { markFor } from './child-mark.js';

let chosen: string | undefined;
/** Executables that have shown that they are a node. */
const verified = new Set<string>();

/** How long an executable may take to print its version, in ms. */
const versionPatience = 10_000;
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
  // The child starts in another directory, perhaps.
  chosen = resolve(textOf(path));
}

function textOf(path: unknown): string {
  if (typeof path === 'string') return path;
  if (path instanceof URL) return fileURLToPath(path);
  if (path instanceof Uint8Array) return Buffer.from(path).toString();
  throw unexpected('path', 'a string, bytes or a URL', path);
}

/**
 * The path of the node that runs children.
 *
 * @throws ProcessError if it is known not to be one
 */
export function executable(): string {
  const path = chosen ?? process.execPath;
  if (!verified.has(path)) {
    if (isOwnExecutable(path)) checkOwnExecutable(path);
    else checkVersion(path);
    verified.add(path);
  }
  return path;
}

/** Variables without which this program's own executable is no node. */
export function executableEnvironment(): string[] {
  return process.versions.electron === undefined ? [] : ['ELECTRON_RUN_AS_NODE=1'];
}

/** The error for an executable that does not run children. */
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
    return false; // The check of its version says what is wrong.
  }
}

function checkOwnExecutable(path: string): void {
  const { pkg } = process as unknown as { pkg?: unknown };
  // Older releases have no such module.
  const sea = process.getBuiltinModule('node:sea') as { isSea(): boolean } | undefined;
  if (pkg === undefined && sea?.isSea() !== true) return;
  throw notANode(path, 'it is a single executable application, which runs its own program whatever it is given');
}

function checkVersion(path: string): void {
  const { exitCode, stdout, stderr } = runToEnd(path, ['-p', 'process.version']);
  const version = /^v(\d+)\.\d+\.\d+\S*$/.exec(stdout.trim());
  if (version === null) {
    const wrote = `it wrote ${JSON.stringify(lastLines(stdout))} to stdout and ${JSON.stringify(lastLines(stderr))} to stderr`;
    throw notANode(path, `asked for its version as node is (-p process.version), ${exitCode} and ${wrote}`);
  }
  if (Number(version[1]) < oldestMajor) {
    throw notANode(path, `it is Node.js ${version[0]}, and this package needs ${oldestMajor} or newer`);
  }
}

interface Run {
  readonly exitCode: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** How much of its output is read; a process that writes without end blocks, and is killed at the deadline. */
const longestText = 65_536;

// Blocks meanwhile. Modules that NODE_OPTIONS preloads stay out of it.
function runToEnd(path: string, args: readonly string[]): Run {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const environment = [...variables, ...executableEnvironment(), markFor(path)];
  const silence = openSync('/dev/null', 'r');
  const [stdout, theirStdout] = native.channelPair(false);
  const [stderr, theirStderr] = native.channelPair(false);
  try {
    const pid = native.spawnProcess(path, [path, ...args], environment, '/', [silence, theirStdout, theirStderr]);
    const exitCode = describeEnd(endOf(pid, now() + versionPatience));
    return { exitCode, stdout: textFrom(stdout), stderr: textFrom(stderr) };
  } catch (error) {
    throw isMissing(error) ? notANode(path, error.message, error) : error;
  } finally {
    native.closeDescriptors([silence, stdout, theirStdout, stderr, theirStderr]);
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

/** Whether a process could not be made for want of a file that can be executed. */
export function isMissing(error: unknown): error is SystemError {
  return (
    error instanceof SystemError &&
    error.syscall === 'execve' &&
    ['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EPERM', 'ELIBBAD'].includes(error.code)
  );
}

/** The exit code, or −signal, of a child of this process that nothing else reaps; it is killed at the deadline. */
function endOf(pid: number, deadline: number): number {
  const pidfd = native.processFile(pid);
  try {
    const ended = native.fdPoll(Int32Array.of(pidfd, FdEvents.readable, 0), deadline) === 1;
    if (!ended) native.signalProcess(pidfd, constants.signals.SIGKILL);
    const [, code, signal] = native.waitChild(pid, false);
    return signal === 0 ? code : -signal;
  } finally {
    native.closeDescriptors([pidfd]);
  }
}

/** An exit code, or −signal, in words. */
export function describeEnd(code: number): string {
  return code < 0 ? `it was ended by signal ${-code}` : `it ended with exit code ${code}`;
}

/** What is worth repeating in an error: the last lines of what a process wrote. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n').slice(-2000);
}
