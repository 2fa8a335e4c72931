/** Destinations of a child's standard streams. */
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { SystemError } from '../errors.js';
import { describe } from '../options/describe.js';
import { nullDevice } from './null-device.js';
import { StandardPipe } from './standard-pipe.js';

/** One stream: this process's own, the null device, a pipe to this process, or a descriptor of this process. */
export type Stdio = 'inherit' | 'ignore' | 'pipe' | number;

const names = ['stdin', 'stdout', 'stderr'];
const words: readonly unknown[] = ['inherit', 'ignore', 'pipe'];
const inherit: readonly Stdio[] = ['ignore', 'inherit', 'inherit'];

/** The descriptors of `'inherit'`. */
let own: readonly number[] = [0, 1, 2];

/** Sets them, for a Worker with streams of its own. */
export function useStdio(descriptors: readonly number[]): void {
  own = descriptors;
}

/** @throws TypeError unless it is a stream, or an array of up to three */
export function checkStdio(stdio: unknown): readonly Stdio[] {
  if (stdio === undefined) return inherit;
  const streams: unknown[] = Array.isArray(stdio) ? stdio : ['ignore', stdio, stdio];
  if (streams.length > names.length)
    throw new TypeError(`Expected "stdio" to have at most 3 streams, got ${streams.length}`);
  return names.map((name, index) => {
    const stream = streams[index] ?? inherit[index];
    if (words.includes(stream) || (Number.isInteger(stream) && (stream as number) >= 0)) return stream as Stdio;
    throw new TypeError(
      `Expected the ${name} in "stdio" to be 'inherit', 'ignore', 'pipe' or a descriptor, got ${describe(stream)}`,
    );
  });
}

/** The open streams of a child. */
export interface OpenStdio {
  /** The child's streams, as descriptors of this process. */
  readonly fds: readonly [number, number, number];
  /** The streams that are pipes. */
  readonly pipes: readonly (StandardPipe | undefined)[];
}

/** @throws SystemError `EMFILE`, `ENFILE`; `EBADF` for a descriptor that is not open */
export function openStdio(stdio: readonly Stdio[]): OpenStdio {
  const pipes: (StandardPipe | undefined)[] = [];
  try {
    for (const stream of stdio) pipes.push(stream === 'pipe' ? new StandardPipe() : undefined);
    const fds = stdio.map((stream, index) => pipes[index]?.theirs ?? descriptorOf(stream, index));
    return { fds: fds as [number, number, number], pipes };
  } catch (error) {
    for (const pipe of pipes) pipe?.close();
    throw error;
  }
}

function descriptorOf(stream: Stdio, index: number): number {
  if (stream === 'inherit') return own[index] as number;
  if (typeof stream === 'number') return checkOpen(stream, index);
  return nullDevice();
}

// A forked child could report it only after its parent has it already.
function checkOpen(fd: number, index: number): number {
  try {
    fstatSync(fd);
    return fd;
  } catch (cause) {
    throw new SystemError(`EBADF: Expected the ${names[index]} in "stdio" to be an open descriptor, got ${fd}`, {
      code: 'EBADF',
      errno: constants.errno.EBADF,
      syscall: 'fstat',
      path: '',
      cause,
    });
  }
}
