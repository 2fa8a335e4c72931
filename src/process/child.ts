/** A child of this process while somebody here has an interest in it: its end, its answer, and what is open for it. */
import { closeSync, writeSync } from 'node:fs';
import { now } from '../deadline.js';
import { onReadable } from '../lifecycle/readiness.js';
import { native } from '../native.js';
import { type Answer, closeErrand, type Errand, readAnswer, readMessage } from './errand.js';
import type { EndWatch, Launcher, LaunchRequest, RunningChild } from './launchers/launcher.js';
import { discardMessage } from './message.js';

/** What is called once something has happened; `reference` says whether waiting for it keeps the program alive. */
interface Waiter {
  readonly reference: boolean;
  readonly callback: () => void;
}

/** Descriptors of children that were forgotten without `close()`. */
const forgotten = new FinalizationRegistry<RunningChild>((running) => running.close());

export class Child {
  readonly pid: number;
  readonly #running: RunningChild;
  readonly #errand: Errand;
  readonly #waiters = new Set<Waiter>();
  #watch: EndWatch | undefined;
  /** Keeps the program alive by itself. */
  #held = false;
  #exitCode: number | null = null;
  #answer: Answer | undefined;
  #answerWatch: EndWatch | undefined;
  readonly #answerWaiters = new Set<() => void>();
  #sentinelShown = false;
  #everReady: number | undefined;

  constructor(launcher: Launcher, request: LaunchRequest) {
    this.#errand = request.errand;
    this.#running = launcher.launch(request);
    this.pid = this.#running.pid;
    forgotten.register(this, this.#running, this);
    this.#rearm();
  }

  /** The exit code, or −signal; `null` while it runs. Looks, and reaps it. */
  poll(): number | null {
    if (this.#exitCode === null) {
      const exitCode = this.#running.poll();
      if (exitCode !== null) this.#end(exitCode);
    }
    return this.#exitCode;
  }

  /** Blocks until it has ended or the deadline passed. */
  waitSync(deadline: number): number | null {
    while (this.poll() === null) {
      const exitCode = this.#running.waitSync(deadline);
      if (exitCode === null && now() >= deadline) return null;
    }
    return this.#exitCode;
  }

  /** Calls back when it has ended, never at once. Returns what takes that back. */
  onEnd(callback: () => void, reference: boolean): () => void {
    const waiter = { reference, callback };
    if (this.poll() !== null) {
      queueMicrotask(() => this.#waiters.delete(waiter) && callback());
    }
    this.#waiters.add(waiter);
    this.#reference();
    return () => {
      this.#waiters.delete(waiter);
      this.#reference();
    };
  }

  /** What the child answered; `undefined` if nothing, or nothing yet. */
  answer(): Answer | undefined {
    if (this.#answer === undefined && this.#exitCode === null) this.#answer = readAnswer(this.#errand);
    return this.#answer;
  }

  /** Calls back when there is an answer, or never will be. */
  onAnswer(callback: () => void): void {
    if (this.answer() !== undefined || this.poll() !== null) {
      queueMicrotask(callback);
      return;
    }
    this.#answerWaiters.add(callback);
    this.#answerWatch ??= onReadable(this.#errand.notice, () => this.#answered());
  }

  /** Whether the child alone keeps the program alive. */
  hold(held: boolean): void {
    this.#held = held;
    this.#reference();
  }

  /** A descriptor that is readable once the child has ended; it stays open until {@link close}. */
  get sentinel(): number {
    if (this.poll() === null || this.#sentinelShown) {
      this.#sentinelShown = true;
      return this.#running.sentinel;
    }
    if (this.#everReady === undefined) {
      const fd = native.noticeFile();
      const one = Buffer.alloc(8, 0);
      one.writeUInt8(1);
      writeSync(fd, one);
      this.#everReady = fd;
    }
    return this.#everReady;
  }

  signal(number: number): void {
    if (this.poll() === null) this.#running.signal(number);
  }

  /** Lets go of a child that has ended. */
  close(): void {
    this.#running.close();
    forgotten.unregister(this);
    if (this.#everReady !== undefined) closeSync(this.#everReady);
    this.#everReady = undefined;
  }

  #rearm(): void {
    this.#watch = this.#running.onEnd(() => {
      if (this.poll() !== null) return;
      this.#rearm();
      this.#reference();
    });
  }

  #reference(): void {
    this.#watch?.reference(this.#held || [...this.#waiters].some(({ reference }) => reference));
  }

  #answered(): void {
    this.#answerWatch = undefined;
    if (this.answer() === undefined) return;
    for (const callback of this.#answerWaiters) callback();
    this.#answerWaiters.clear();
  }

  // Once.
  #end(exitCode: number): void {
    this.#answer ??= readAnswer(this.#errand);
    this.#exitCode = exitCode;
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#answerWatch?.cancel();
    const unread = this.#answer === undefined ? readMessage(this.#errand) : undefined;
    if (unread !== undefined) discardMessage(unread);
    closeErrand(this.#errand);
    // Somebody may have the number of the sentinel.
    if (!this.#sentinelShown) this.close();
    const waiters = [...this.#waiters].map(({ callback }) => callback);
    this.#waiters.clear();
    // Not from inside a look at the exit code.
    queueMicrotask(() => {
      for (const callback of [...waiters, ...this.#answerWaiters]) callback();
      this.#answerWaiters.clear();
    });
  }
}
