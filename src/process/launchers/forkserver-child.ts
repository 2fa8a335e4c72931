/**
 * A child of the fork server, as its creator sees it. How it ended the kernel tells everybody, and where it does not, the
 * server that reaps it, on the child's channel.
 */
import { now } from '../../deadline.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { FdEvents, native } from '../../native.js';
import { Report, receiveReport } from '../forkserver/protocol.js';
import type { EndWatch, RunningChild } from './launcher.js';

/** How a child ended that a signal killed after its server, where only the server could have seen it. As in CPython. */
const unknowable = 255;

/** How long the server may take to say how a child ended, in ms; it does at once, unless somebody stopped it. */
const reapPatience = 2000;

export class ForkServerChild implements RunningChild {
  readonly pid: number;
  readonly sentinel: number;
  readonly #channel: number;
  #exitCode: number | null = null;
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
    this.#exitCode = native.processEnd(this.sentinel) ?? this.#reported();
    return this.#exitCode;
  }

  // It has ended, so its code is there or about to be.
  #reported(): number {
    const deadline = now() + reapPatience;
    let announced: number | undefined;
    for (;;) {
      const report = receiveReport(this.#channel, deadline);
      if (report === undefined || report === 'end') return announced ?? unknowable;
      if (report.kind === Report.ending) announced = report.value;
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
