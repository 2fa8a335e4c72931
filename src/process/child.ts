/** A child of this process as its owner sees it: its end, its answer, and the descriptors that are open for it. */
import { constants } from 'node:os';
import { now } from '../deadline.js';
import { inBackground } from '../lifecycle/background.js';
import { onReadable } from '../lifecycle/readiness.js';
import { native } from '../native.js';
import { discard } from '../serialize/codec.js';
import { sweepAfterKill } from '../shared/sweep.js';
import { queueMicrotask } from '../timing.js';
import { type Answer, closeErrand, type Errand, raiseNotice, readAnswer, readMessage } from './errand.js';
import type { EndWatch, Launcher, LaunchRequest, RunningChild } from './launchers/launcher.js';
import { discardMessage } from './message.js';

const { SIGKILL } = constants.signals;

/** How long a child that was killed may take to end, in ms, where its end has to be awaited. */
const endPatience = 2000;

/** A callback for an event; `reference` says whether its wait keeps the program alive. */
interface Waiter {
  readonly reference: boolean;
  readonly callback: () => void;
}

/** The descriptor that stays open for a child that has ended. */
class Sentinel {
  readonly #running: RunningChild;
  #everReady: number | undefined;

  constructor(running: RunningChild) {
    this.#running = running;
  }

  /** A descriptor that is always readable, for a child whose own one was closed at its end before its first use. */
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

/** Releases children that are dropped without `close()`. */
const forgotten = new FinalizationRegistry<Sentinel>((sentinel) => {
  inBackground('a process that was forgotten', () => sentinel.close());
});

/** Releases answers that were not taken. In a forked child they are its parent's. */
const unread = new FinalizationRegistry<{ readonly pid: number; readonly bytes: Buffer }>(({ pid, bytes }) => {
  if (pid === native.currentPid()) inBackground('a result that was forgotten', () => discard(bytes));
});

export class Child {
  readonly pid: number;
  /** Its pid, or the thread's id. */
  readonly ident: number;
  readonly #running: RunningChild;
  readonly #errand: Errand;
  readonly #waiters = new Set<Waiter>();
  #watch: EndWatch | undefined;
  /** Whether the child alone keeps the program alive. */
  #held = false;
  #exitCode: number | null = null;
  #answer: Answer | undefined;
  /** Why the answer could not be read. */
  #unreadable: { readonly reason: unknown } | undefined;
  #answerWatch: EndWatch | undefined;
  readonly #answerWaiters = new Set<() => void>();
  #sentinelShown = false;
  #hasBegun = true;
  readonly #sentinel: Sentinel;
  /** Whether this process is a copy of the one whose child it is. */
  #disowned = false;

  /**
   * @throws the launcher's errors, and SystemError `EMFILE`, `EAGAIN` if its end could not be observed: there is no
   *   child then
   */
  constructor(launcher: Launcher, request: LaunchRequest) {
    this.#errand = request.errand;
    // A wait needs descriptors and a thread: checked before there is a child.
    onReadable(request.errand.creator, () => {}).cancel();
    this.#running = launcher.launch(request);
    this.pid = this.#running.pid;
    this.ident = this.#running.thread ?? this.pid;
    this.#sentinel = new Sentinel(this.#running);
    forgotten.register(this, this.#sentinel, this);
    try {
      this.#rearm();
    } catch (error) {
      // Its end could not be observed.
      this.#running.signal(SIGKILL);
      this.#running.waitSync(now() + endPatience);
      this.close();
      throw error;
    }
  }

  /**
   * Returns the exit code, or −signal; `null` while it runs. Reaps it. Nothing new becomes known of a disowned child.
   */
  poll(): number | null {
    if (this.#exitCode === null && !this.#disowned) {
      const exitCode = this.#running.poll();
      if (exitCode !== null) this.#end(exitCode);
    }
    return this.#exitCode;
  }

  /** Blocks until it has ended or the deadline has passed. */
  waitSync(deadline: number): number | null {
    while (this.poll() === null) {
      const exitCode = this.#running.waitSync(deadline);
      if (exitCode === null && now() >= deadline) return null;
    }
    return this.#exitCode;
  }

  /** Calls back at its end, never before this returns. Returns a function that cancels this. */
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

  /**
   * Returns the child's answer once, for the caller to deserialise; `undefined` if there is none (yet).
   *
   * @throws the error of reading the answer: there may be no memory for it
   */
  takeAnswer(): Answer | undefined {
    if (this.#isAnswered()) unread.unregister(this);
    if (this.#unreadable !== undefined) throw this.#unreadable.reason;
    return this.#answer;
  }

  /** The command of a child that ended before it had loaded the modules of its work, if it ran a node of its own. */
  get failedCommand(): string | undefined {
    return this.#hasBegun ? undefined : this.#running.command;
  }

  /** Calls back when there is an answer, or none can come any more. The wait keeps the program alive. */
  onAnswer(callback: () => void): void {
    if (this.#isAnswered() || this.poll() !== null) {
      queueMicrotask(callback);
      return;
    }
    this.#answerWaiters.add(callback);
    if (this.#answerWatch === undefined) this.#watchAnswer();
  }

  /** Sets whether the child alone keeps the program alive. */
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
    if (this.poll() === null && !this.#disowned) this.#running.signal(number);
  }

  /** Releases a child that has ended. */
  close(): void {
    this.#sentinel.close();
    forgotten.unregister(this);
  }

  /** Kills it: it was launched, but its start failed. */
  abandon(): void {
    this.signal(SIGKILL);
    this.waitSync(now() + endPatience);
    this.close();
  }

  /** Marks it, in a forked child, as the parent's, with its descriptors. */
  disown(): void {
    if (!this.#isOpen) return;
    this.#disowned = true;
    this.close();
    closeErrand(this.#errand);
  }

  /** Whether the errand's descriptors are open: their numbers may be reused afterwards. */
  get #isOpen(): boolean {
    return this.#exitCode === null && !this.#disowned;
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

  // Polls for the answer while one may come.
  #isAnswered(): boolean {
    if (this.#answer === undefined && this.#unreadable === undefined && this.#isOpen) this.#readAnswer();
    return this.#answer !== undefined || this.#unreadable !== undefined;
  }

  #readAnswer(): void {
    try {
      this.#answer = readAnswer(this.#errand);
    } catch (reason) {
      this.#unreadable = { reason };
    }
    if (this.#answer?.keeps) unread.register(this, { pid: native.currentPid(), bytes: this.#answer.bytes }, this);
  }

  #watchAnswer(): void {
    this.#answerWatch = onReadable(this.#errand.notice, () => {
      if (!this.#isAnswered()) {
        this.#watchAnswer();
        return;
      }
      this.#answerWatch = undefined;
      for (const callback of this.#answerWaiters) callback();
      this.#answerWaiters.clear();
    });
    this.#answerWatch.reference(true);
  }

  // Handles the end, once.
  #end(exitCode: number): void {
    const answered = this.#isAnswered();
    this.#exitCode = exitCode;
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#answerWatch?.cancel();
    const unclaimed = answered ? undefined : readMessage(this.#errand);
    if (unclaimed !== undefined) {
      this.#hasBegun = false;
      discardMessage(unclaimed);
    }
    closeErrand(this.#errand);
    // The user may hold the number of the sentinel.
    if (!this.#sentinelShown) this.#running.close();
    // A killed process releases nothing, and this one may be the only other user of its objects.
    if (exitCode < 0) sweepAfterKill();
    const waiters = [...this.#waiters].map(({ callback }) => callback);
    this.#waiters.clear();
    // Not from within a poll of the exit code.
    queueMicrotask(() => {
      for (const callback of [...waiters, ...this.#answerWaiters]) callback();
      this.#answerWaiters.clear();
    });
  }
}
