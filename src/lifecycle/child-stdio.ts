/**
 * The standard output and error of a forked child: what its parent had not got rid of yet is the parent's to write, and
 * what the child writes is written when `write` returns, so that nothing is left to flush at its end.
 */
import type { Socket } from 'node:net';
import { native } from '../native.js';

type Callback = (error?: Error | null) => void;
type Encoded = BufferEncoding | Callback | undefined;

interface Output extends Socket {
  fd: number;
  _type?: string;
  _handle?: { close(closed: () => void): void } | null;
}

const owned = new WeakSet<object>();

export function ownStdio(): void {
  // Files and terminals are written at once by Node itself; only pipes and sockets have a queue.
  for (const stream of [process.stdout, process.stderr] as unknown as Output[]) {
    if (stream._type !== 'pipe' || !stream._handle || owned.has(stream)) continue;
    owned.add(stream);
    writeAtOnce(stream);
    if (stream.writableLength > 0) dropInherited(stream, stream._handle);
  }
}

function writeAtOnce(stream: Output): void {
  const { fd } = stream;
  stream.write = (chunk: Uint8Array | string, encoding?: Encoded, callback?: Encoded) => {
    const done = typeof encoding === 'function' ? encoding : (callback as Callback | undefined);
    try {
      native.writeAll(fd, bytesOf(chunk, typeof encoding === 'string' ? encoding : undefined));
    } catch (error) {
      process.nextTick(() => {
        done?.(error as Error);
        stream.emit('error', error);
      });
      return false;
    }
    if (done !== undefined) process.nextTick(done, null);
    return true;
  };
  stream.end = ((chunk?: unknown, encoding?: Encoded, callback?: Encoded) => {
    const done = [chunk, encoding, callback].find((argument) => typeof argument === 'function') as Callback | undefined;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      stream.write(chunk as string, typeof encoding === 'string' ? encoding : undefined, done);
    } else if (done !== undefined) {
      process.nextTick(done);
    }
    return stream;
  }) as Output['end'];
}

function bytesOf(chunk: unknown, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError(`Expected "chunk" to be a string or bytes, got ${chunk === null ? 'null' : typeof chunk}`);
}

// Closing the handle of a standard descriptor cancels its queue and leaves the descriptor open. While it closes, the
// stream passes for destroyed: Node then reports the cancelled writes as done, and that they are, by the parent.
function dropInherited(stream: Output, handle: NonNullable<Output['_handle']>): void {
  stream._write = (_chunk, _encoding, callback) => callback();
  stream._writev = (_chunks, callback) => callback();
  Object.defineProperty(stream, 'destroyed', { value: true, configurable: true });
  handle.close(() => {
    Reflect.deleteProperty(stream, 'destroyed');
  });
}
