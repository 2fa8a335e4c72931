/**
 * The standard output and error of a forked child: what its parent had not got rid of yet is the parent's to write, and
 * what the child writes is written when `write` returns, so that nothing is left to flush at its end.
 */

import { createReadStream, type ReadStream } from 'node:fs';
import type { Socket } from 'node:net';
import { native } from '../native.js';
import { describe } from '../options/describe.js';
import { nextTick } from '../timing.js';
import { isLoaded } from './loaded-builtins.js';

type Callback = (error?: Error | null) => void;
type Encoded = BufferEncoding | Callback | undefined;

interface Output extends Socket {
  fd: number;
  _type?: string;
  _handle?: Handle | null;
}

interface Handle {
  readonly fd?: number;
  close(): void;
}

/** The writes that the event loop has under way; Node tells them without documenting it. */
interface Requests {
  _getActiveRequests?(): { handle?: unknown; callback?: Callback; oncomplete?: () => void }[];
}

const owned = new WeakSet<object>();

/** For the child of a fork. */
export function ownStdio(): void {
  takeStdio(own);
}

/** For a process that has only just begun: what it writes is written when `write` returns. */
export function writeStdioAtOnce(): void {
  takeStdio((stream) => {
    // Behind what a preloaded module left in the queue, everything has to go through the queue.
    if (stream.writableLength === 0) own(stream);
  });
}

/**
 * For the child of a fork whose standard descriptors are others than its parent's: what is behind the streams by now has
 * nothing to do with what Node took it for.
 */
export function reopenStdio(): void {
  takeStdio((stream) => {
    if (owned.has(stream)) return;
    owned.add(stream);
    writeAtOnce(stream, stream.fd);
  });
}

/** For a Worker: what it writes goes to these descriptors, and not through the event loop of the main thread. */
export function writeStdioTo(stdout: number, stderr: number): void {
  takeStdio((stream, name) => {
    if (owned.has(stream)) return;
    owned.add(stream);
    writeAtOnce(stream, name === 'stdout' ? stdout : stderr);
  });
}

/** Makes stdin the current descriptor at its first use. */
export function reopenStdin(fd = 0): void {
  let stream: ReadStream | undefined;
  Object.defineProperty(process, 'stdin', {
    get: () => {
      stream ??= createReadStream('', { fd, autoClose: false });
      return stream;
    },
    enumerable: true,
    configurable: true,
  });
}

type Take = (stream: Output, name: 'stdout' | 'stderr') => void;

function takeStdio(take: Take): void {
  for (const name of ['stdout', 'stderr'] as const) {
    // Code that used one of these has the stream, and the console keeps it. Otherwise no code has it yet.
    if (isLoaded('net') || isLoaded('tty')) take(process[name] as unknown as Output, name);
    else takeWhenMade(name, take);
  }
}

function takeWhenMade(name: 'stdout' | 'stderr', take: Take): void {
  const property = Object.getOwnPropertyDescriptor(process, name);
  const { get } = property ?? {};
  if (get === undefined) return;
  Object.defineProperty(process, name, {
    ...property,
    get() {
      const stream = get.call(process);
      take(stream, name);
      return stream;
    },
  });
}

const terminals = new Set<Output>();

/** Descriptors of the standard outputs of a forked child that are a terminal: Node opens it a second time. */
export function terminalDescriptors(): number[] {
  return [...terminals].map((stream) => stream._handle?.fd ?? stream.fd);
}

// Files and terminals are written at once by Node itself; only pipes and sockets have a queue.
function own(stream: Output): void {
  if (stream._type === 'tty') terminals.add(stream);
  if (stream._type !== 'pipe' || !stream._handle || owned.has(stream)) return;
  owned.add(stream);
  writeAtOnce(stream, stream.fd);
  if (stream.writableLength > 0) dropInherited(stream, stream._handle);
}

function writeAtOnce(stream: Output, fd: number): void {
  stream.write = (chunk: Uint8Array | string, encoding?: Encoded, callback?: Encoded) => {
    const done = typeof encoding === 'function' ? encoding : (callback as Callback | undefined);
    try {
      native.writeAll(fd, bytesOf(chunk, typeof encoding === 'string' ? encoding : undefined));
    } catch (error) {
      nextTick(() => {
        done?.(error as Error);
        stream.emit('error', error);
      });
      return false;
    }
    if (done !== undefined) nextTick(done, null);
    return true;
  };
  stream.end = ((chunk?: unknown, encoding?: Encoded, callback?: Encoded) => {
    const done = [chunk, encoding, callback].find((argument) => typeof argument === 'function') as Callback | undefined;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      stream.write(chunk as string, typeof encoding === 'string' ? encoding : undefined, done);
    } else if (done !== undefined) {
      nextTick(done);
    }
    return stream;
  }) as Output['end'];
}

function bytesOf(chunk: unknown, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError(`Expected "chunk" to be a string or bytes, got ${describe(chunk)}`);
}

// Closing the handle of a standard descriptor cancels its queue and leaves the descriptor open. The writes in it pass for
// done, and that they are, by the parent; what the stream holds behind them goes the same way.
function dropInherited(stream: Output, handle: Handle): void {
  stream._write = (_chunk, _encoding, callback) => callback();
  stream._writev = (_chunks, callback) => callback();
  for (const request of (process as unknown as Requests)._getActiveRequests?.() ?? []) {
    if (request.handle !== handle) continue;
    const { callback } = request;
    request.oncomplete = () => callback?.(null);
  }
  handle.close();
}
