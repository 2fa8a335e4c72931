/** A thread as its creator sees it, whether or not its event loop turns. */
import type { Worker } from 'node:worker_threads';
import { now } from '../deadline.js';
import { onReadable } from '../lifecycle/readiness.js';
import { FdEvents, native } from '../native.js';
import { raiseNotice } from '../process/errand.js';
import type { EndWatch, RunningChild } from '../process/launchers/launcher.js';
import { setTimeout } from '../timing.js';
import { type Setup, Word } from './words.js';

/** The exit code of a Worker that did not come to its end by itself: out of memory, say. */
const failure = 1;

/** Upper bound in ms on the time in which an ended thread comes to code of this package. */
const beginning = 1000;

const lookEvery = 100;
const shortly = 0.05;

export class RunningThread implements RunningChild {
  readonly pid = process.pid;
  readonly thread: number;
  readonly sentinel: number;
  readonly #worker: Worker;
  readonly #words: Int32Array<SharedArrayBuffer>;
  #descriptors: readonly number[];
  /** As long as it has not begun: it is one of these. */
  readonly #candidates: readonly number[];
  #exitCode: number | null = null;
  /** Exit code that Node reports. */
  #said: number | undefined;
  #closed = false;

  /** @param descriptors - what is open for it, the sentinel among them */
  constructor(worker: Worker, setup: Setup, descriptors: readonly number[], candidates: readonly number[]) {
    this.#worker = worker;
    this.thread = worker.threadId;
    this.#words = setup.words;
    this.sentinel = setup.sentinel;
    this.#descriptors = descriptors;
    this.#candidates = candidates;
    worker.on('exit', (code) => {
      this.#said = code;
      this.#noticeEnd();
    });
  }

  poll(): number | null {
    if (this.#exitCode === null && this.#isOver()) {
      const { exit, signal } = Word;
      const code = Atomics.load(this.#words, exit) - 1;
      const sent = Atomics.load(this.#words, signal);
      if (code >= 0) this.#exitCode = code;
      else this.#exitCode = sent !== 0 ? -sent : (this.#said ?? failure);
      // Whoever reads from the other end of a pipe is to see that it has ended.
      this.#closeAll((fd) => fd !== this.sentinel);
    }
    return this.#exitCode;
  }

  waitSync(deadline: number): number | null {
    while (this.poll() === null && now() < deadline) {
      const until = this.#hasBegun() ? deadline : Math.min(deadline, now() + lookEvery);
      native.fdPoll(Int32Array.of(this.sentinel, FdEvents.readable, 0), until);
      // A module that is preloaded may have failed: nothing of this package could say so.
      if (!this.#hasBegun() && this.#candidates.length > 0 && !this.#candidates.some(native.threadExists)) {
        this.#noticeEnd();
      }
    }
    return this.poll();
  }

  onEnd(callback: () => void): EndWatch {
    return onReadable(this.sentinel, callback);
  }

  /** There are no signals for threads: whichever it is, it ends the thread, now. */
  signal(number: number): void {
    if (this.poll() !== null || Atomics.compareExchange(this.#words, Word.signal, 0, number) !== 0) return;
    const end = () => void this.#worker.terminate();
    if (this.#hasBegun()) end();
    // Ended before it has begun, it could not raise the sentinel. It looks at the word as soon as it can.
    else setTimeout(end, beginning).unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeAll(() => true);
  }

  #closeAll(which: (fd: number) => boolean): void {
    for (const fd of this.#descriptors.filter(which)) native.fdClose(fd);
    this.#descriptors = this.#descriptors.filter((fd) => !which(fd));
  }

  #hasBegun(): boolean {
    return Atomics.load(this.#words, Word.thread) !== 0;
  }

  #noticeEnd(): void {
    if (!this.#closed) raiseNotice(this.sentinel);
  }

  #isOver(): boolean {
    if (native.fdPoll(Int32Array.of(this.sentinel, FdEvents.readable, 0), 0) === 0) return false;
    // The kernel hands on the locks that the thread held right after it raised the sentinel.
    const thread = Atomics.load(this.#words, Word.thread);
    while (thread !== 0 && native.threadExists(thread)) native.fdPoll(new Int32Array(0), now() + shortly);
    return true;
  }
}
