/** A child of this process while somebody here has an interest in it: its end, its answer, and what is open for it. */
import { now } from '../deadline.js';
import { onReadable } from '../lifecycle/readiness.js';
import { native } from '../native.js';
import { type Answer, closeErrand, type Errand, raiseNotice, readAnswer, readMessage } from './errand.js';
import type { EndWatch, Launcher, LaunchRequest, RunningChild } from './launchers/launcher.js';
import { discardMessage } from './message.js';

/** What is called once something has happened; `reference` says whether waiting for it keeps the program alive. */
interface Waiter {
  readonly reference: boolean;
  readonly callback: () => void;
}

/** What stays open for a child that has ended. */
class Sentinel {
  readonly #running: RunningChild;
  #everReady: number | undefined;

  constructor(running: RunningChild) {
    this.#running = running;
  }

  /** For a child whose own descriptor was closed at its end, as nobody had seen it: one that is always readable. */
  get everReady(): number {
    if (this.#everReady === undefined) {
      this.#everReady = native.noticeFile();
      raiseNotice(this.#everReady);
    }
    return this.#everReady;
  }

  close(): void {
    this.#running.close();
    if (this.#everReady !== undefined) native.fdClose(this.#everReady);
    this.#everReady = undefined;
  }
}

/** Children that are forgotten without `close()`. */
const forgotten = new FinalizationRegistry<Sentinel>((sentinel) => sentinel.close());

export class Child {
  readonly pid: number;
  /** What the kernel, or Node, knows it by: the pid, or the thread's id. */
  readonly ident: number;
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
  readonly #sentinel: Sentinel;

  constructor(launcher: Launcher, request: LaunchRequest) {
    this.#errand = request.errand;
    this.#running = launcher.launch(request);
    this.pid = this.#running.pid;
    this.ident = this.#running.thread ?? this.pid;
    this.#sentinel = new Sentinel(this.#running);
    forgotten.register(this, this.#sentinel, this);
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

  /** Calls back when there is an answer, or never will be. That is waited for. */
  onAnswer(callback: () => void): void {
    if (this.answer() !== undefined || this.poll() !== null) {
      queueMicrotask(callback);
      return;
    }
    this.#answerWaiters.add(callback);
    if (this.#answerWatch === undefined) this.#watchAnswer();
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
    return this.#sentinel.everReady;
  }

  signal(number: number): void {
    if (this.poll() === null) this.#running.signal(number);
  }

  /** Lets go of a child that has ended. */
  close(): void {
    this.#sentinel.close();
    forgotten.unregister(this);
  }

  /** In a forked child: it is the parent's, and so is what is open for it. */
  disown(): void {
    this.close();
    closeErrand(this.#errand);
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

  #watchAnswer(): void {
    this.#answerWatch = onReadable(this.#errand.notice, () => {
      if (this.answer() === undefined) {
        this.#watchAnswer();
        return;
      }
      this.#answerWatch = undefined;
      for (const callback of this.#answerWaiters) callback();
      this.#answerWaiters.clear();
    });
    this.#answerWatch.reference(true);
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
    if (!this.#sentinelShown) this.#running.close();
    const waiters = [...this.#waiters].map(({ callback }) => callback);
    this.#waiters.clear();
    // Not from inside a look at the exit code.
    queueMicrotask(() => {
      for (const callback of [...waiters, ...this.#answerWaiters]) callback();
      this.#answerWaiters.clear();
    });
  }
}
