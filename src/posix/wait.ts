/** waitpid(2): how a child of this process ended. */

import { constants } from 'node:os';
import { native } from '../native.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { checkInteger } from './integer.js';

/** Options of {@link waitpid}. */
export interface WaitpidOptions {
  /** Return `null` at once if no child has ended yet. Default `false`. */
  noHang?: boolean | undefined;
}

const waitpidOptions = new OptionTable<WaitpidOptions>({ noHang: boolean });

/** The end of a child: exactly one of `exitCode` and `signal` is not null. */
export interface ChildEnd {
  /** The child's pid. */
  pid: number;
  /** Exit code, 0 … 255; null if a signal killed the child. */
  exitCode: number | null;
  /** The signal that killed it, such as `'SIGKILL'`; null if it exited. */
  signal: string | null;
}

const most = 0x7fffffff;

/**
 * Waits until a child has ended and removes it from the process table. Blocks the thread; signals do not end the wait.
 * Mirrors Python's `os.waitpid`, with the status taken apart.
 *
 * Not for children of `node:child_process`, which never sees an end that was taken here. So be careful with −1.
 *
 * @param pid - a child's pid; −1: any child; 0: any of this process group; less: any of the group −pid
 * @returns null if no child has ended and `noHang` is set
 * @throws SystemError `ECHILD` if there is no such child
 */
export function waitpid(pid: number, options?: WaitpidOptions): ChildEnd | null {
  waitpidOptions.check(options, 'waitpid');
  const [ended, code, signal] = native.waitChild(checkInteger('pid', pid, -most, most), options?.noHang ?? false);
  if (ended === 0) return null;
  return signal === 0
    ? { pid: ended, exitCode: code, signal: null }
    : { pid: ended, exitCode: null, signal: signalName(signal) };
}

// Real-time signals have no names in Node.
function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`;
}
