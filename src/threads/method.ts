/** The names of start methods, where everything is started as a thread. */
import { inspect } from 'node:util';
import { ValueError } from '../errors.js';
import type { StartMethod as ProcessStartMethod } from '../process/launchers/launcher.js';

/** The start method of threads. */
export type ThreadMethod = 'thread';

/** Those of processes are taken for it: a program that names one does not have to be changed. */
export type AnyMethod = ThreadMethod | ProcessStartMethod;

const names: readonly unknown[] = ['thread', 'spawn', 'forkserver', 'fork'] satisfies AnyMethod[];

/** @throws ValueError for what is no start method */
export function checkAnyMethod(method: unknown): void {
  if (!names.includes(method)) throw new ValueError(`cannot find context for ${inspect(method)}`);
}
