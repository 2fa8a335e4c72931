/** Where the standard streams of a child go, as descriptors of this process. */
import { openSync } from 'node:fs';

/** One stream: this process's own, the null device, or a descriptor of this process. */
export type Stdio = 'inherit' | 'ignore' | number;

const names = ['stdin', 'stdout', 'stderr'];
const inherit: readonly Stdio[] = ['ignore', 'inherit', 'inherit'];

let nullDevice: number | undefined;

/**
 * @throws TypeError for anything but a stream, or an array of up to three
 */
export function checkStdio(stdio: unknown): readonly Stdio[] {
  if (stdio === undefined) return inherit;
  const streams: unknown[] = Array.isArray(stdio) ? stdio : ['ignore', stdio, stdio];
  if (streams.length > names.length)
    throw new TypeError(`Expected "stdio" to have at most 3 streams, got ${streams.length}`);
  return names.map((name, index) => {
    const stream = streams[index] ?? inherit[index];
    if (stream === 'inherit' || stream === 'ignore' || (Number.isInteger(stream) && (stream as number) >= 0)) {
      return stream as Stdio;
    }
    throw new TypeError(
      `Expected the ${name} in "stdio" to be 'inherit', 'ignore' or a descriptor, got ${String(stream)}`,
    );
  });
}

/** The descriptors, all of which stay this process's. */
export function openStdio(stdio: readonly Stdio[]): [number, number, number] {
  return stdio.map((stream, index) => {
    if (stream === 'inherit') return index;
    if (typeof stream === 'number') return stream;
    // Kept: every child wants it.
    nullDevice ??= openSync('/dev/null', 'r+');
    return nullDevice;
  }) as [number, number, number];
}
