/**
 * A child of the fork server, as its creator sees it: the server reaps it, and reports on the child's channel how it
 * ended. If the server is stopped or gone, the kernel reports the end.
 */
import { now } from '../../deadline.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { FdEvents, native } from '../../native.js';
import { Report, receiveReport } from '../forkserver/protocol.js';
import type { EndWatch, RunningChild } from './launcher.js';

/**
 * Exit code of a child that a signal killed after its server, where only the server could have observed it. As in
 * CPython.
 */
const unknowable = 255;

/** How long the server may take to reap an ended child, in ms; it does so at once, unless it is stopped. */
const reapPatience = 50;

/** The same bound where only the server can report how the child ended. */
const lastPatience = 2000;

export class ForkServerChild implements RunningChild {
  readonly pid: number;
  readonly sentinel: number;
  readonly #channel: number;
  #exitCode: number | null = null;
  /** The exit code that the child itself reported. */
  #announced: number | undefined;
  #closed = false;

  /** @param sentinel - a pidfd, opened by the server before it could reap the child */
  constructor(pid: number, sentinel: number, channel: number) {
    this.pid = pid;
    this.sentinel = sentinel;
    this.#channel = channel;
  }

  poll(): number | null {
    if (this.#exitCode !== null || this.#closed) return this.#exitCode;
    if (!this.#isOver(0)) return null;
    // The server first: then the child is reaped, and its pid is gone.
    this.#exitCode =
      this.#told(now() + reapPatience) ??
      native.processEnd(this.sentinel) ??
      this.#told(now() + lastPatience) ??
      this.#announced ??
      unknowable;
    return this.#exitCode;
  }

  /** Returns the server's report; `undefined` if none arrives by the deadline, or at all. */
  #told(deadline: number): number | undefined {
    for (;;) {
      const report = receiveReport(this.#channel, deadline);
      if (report === undefined || report === 'end') return undefined;
      if (report.kind === Report.ending) this.#announced = report.value;
      if (report.kind === Report.ended) return report.signal === 0 ? report.value : -report.signal;
    }
  }

  waitSync(deadline: number): number | null {
    if (this.#exitCode === null && !this.#closed) this.#isOver(deadline);
    return this.poll();
  }

  onEnd(callback: () => void): EndWatch {
    return onReadable(this.sentinel, callback);
  }

  signal(number: number): void {
    if (this.poll() === null && !this.#closed) native.signalProcess(this.sentinel, number);
  }

  #isOver(deadline: number): boolean {
    return native.fdPoll(Int32Array.of(this.sentinel, FdEvents.readable, 0), deadline) === 1;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    native.closeDescriptors([this.sentinel, this.#channel]);
  }
}
