/** A child of this process in the kernel's sense: only this process can learn how it ended, and has to reap it. */
import { SystemError } from '../../errors.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { FdEvents, native } from '../../native.js';
import type { EndWatch, RunningChild } from './launcher.js';

/**
 * Exit code of a child that other code reaped (`waitpid(-1)` in the program, or SIGCHLD ignored), where the kernel does
 * not report it.
 */
const unknowable = 255;

export class OwnChild implements RunningChild {
  readonly pid: number;
  readonly command?: string;
  readonly sentinel: number;
  #exitCode: number | null = null;
  #closed = false;

  /** Not reaped until now, so the pid is still the child's. */
  constructor(pid: number, command?: string) {
    this.pid = pid;
    if (command !== undefined) this.command = command;
    try {
      this.sentinel = native.processFile(pid);
    } catch (error) {
      // Without a pidfd (no descriptors left) its end could not be observed.
      process.kill(pid, 'SIGKILL');
      native.waitChild(pid, false);
      throw error;
    }
  }

  poll(): number | null {
    if (this.#exitCode !== null) return this.#exitCode;
    try {
      const [ended, code, signal] = native.waitChild(this.pid, true);
      if (ended !== 0) this.#exitCode = signal === 0 ? code : -signal;
    } catch (error) {
      if (!(error instanceof SystemError && error.code === 'ECHILD')) throw error;
      // Reaped by other code: the pidfd reports its end all the same.
      if (this.#closed) this.#exitCode = unknowable;
      else if (this.#isOver(0)) this.#exitCode = native.processEnd(this.sentinel) ?? unknowable;
    }
    return this.#exitCode;
  }

  waitSync(deadline: number): number | null {
    if (this.poll() === null) this.#isOver(deadline);
    return this.poll();
  }

  onEnd(callback: () => void): EndWatch {
    return onReadable(this.sentinel, callback);
  }

  signal(number: number): void {
    if (this.poll() === null) native.signalProcess(this.sentinel, number);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    native.fdClose(this.sentinel);
  }

  /** Whether it has ended, or ends by the deadline. */
  #isOver(deadline: number): boolean {
    return native.fdPoll(Int32Array.of(this.sentinel, FdEvents.readable, 0), deadline) === 1;
  }
}
