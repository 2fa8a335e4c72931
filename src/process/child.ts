/** A child of this process while somebody here has an interest in it: its end, its answer, and what is open for it. */
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
const forgotten = new FinalizationRegistry<Sentinel>((sentinel) => {
  inBackground('a process that was forgotten', () => sentinel.close());
});

/** Answers that nobody has taken, with what this process keeps for them. In a forked child they are its parent's. */
const unread = new FinalizationRegistry<{ readonly pid: number; readonly bytes: Buffer }>(({ pid, bytes }) => {
  if (pid === native.currentPid()) inBackground('a result that was forgotten', () => discard(bytes));
});

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
  /** Why the answer could not be read. */
  #unreadable: { readonly reason: unknown } | undefined;
  #answerWatch: EndWatch | undefined;
  readonly #answerWaiters = new Set<() => void>();
  #sentinelShown = false;
  #hasBegun = true;
  readonly #sentinel: Sentinel;
  /** This process is a copy of the one whose child it is. */
  #disowned = false;

  /** @throws what the launcher throws, and SystemError `EMFILE`, `EAGAIN` where its end could not be seen: there is no child then */
  constructor(launcher: Launcher, request: LaunchRequest) {
    this.#errand = request.errand;
    // Whoever waits needs descriptors and a thread, and there must be none of these missing once there is a child.
    onReadable(request.errand.creator, () => {}).cancel();
    this.#running = launcher.launch(request);
    this.pid = this.#running.pid;
    this.ident = this.#running.thread ?? this.pid;
    this.#sentinel = new Sentinel(this.#running);
    forgotten.register(this, this.#sentinel, this);
    try {
      this.#rearm();
    } catch (error) {
      // Nobody would see its end.
      this.#running.signal(SIGKILL);
      this.#running.waitSync(now() + endPatience);
      this.close();
      throw error;
    }
  }

  /** The exit code, or −signal; `null` while it runs. Looks, and reaps it. Of a disowned one nothing new becomes known. */
  poll(): number | null {
    if (this.#exitCode === null && !this.#disowned) {
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

  /**
   * What the child answered, for who deserialises it, once; `undefined` if nothing, or nothing yet.
   *
   * @throws why the answer cannot be read: there may be no memory for it
   */
  takeAnswer(): Answer | undefined {
    if (this.#isAnswered()) unread.unregister(this);
    if (this.#unreadable !== undefined) throw this.#unreadable.reason;
    return this.#answer;
  }

  /** Of a child that ended before it had loaded what its work needs: the node that ran it, where it had one of its own. */
  get failedCommand(): string | undefined {
    return this.#hasBegun ? undefined : this.#running.command;
  }

  /** Calls back when there is an answer, or never will be. That is waited for. */
  onAnswer(callback: () => void): void {
    if (this.#isAnswered() || this.poll() !== null) {
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
    if (this.poll() === null && !this.#disowned) this.#running.signal(number);
  }

  /** Lets go of a child that has ended. */
  close(): void {
    this.#sentinel.close();
    forgotten.unregister(this);
  }

  /** Ends it: it was launched, but not all that belongs to it could be had. */
  abandon(): void {
    this.signal(SIGKILL);
    this.waitSync(now() + endPatience);
    this.close();
  }

  /** In a forked child: it is the parent's, and so is what is open for it. */
  disown(): void {
    if (!this.#isOpen) return;
    this.#disowned = true;
    this.close();
    closeErrand(this.#errand);
  }

  /** The numbers of the errand's descriptors are those of the errand. */
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

  // Looks, while there is something to look at.
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

  // Once.
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
    // The user may have the number of the sentinel.
    if (!this.#sentinelShown) this.#running.close();
    // A killed process cleans up nothing, and this one may be the only one left that will.
    if (exitCode < 0) sweepAfterKill();
    const waiters = [...this.#waiters].map(({ callback }) => callback);
    this.#waiters.clear();
    // Not from inside a look at the exit code.
    queueMicrotask(() => {
      for (const callback of [...waiters, ...this.#answerWaiters]) callback();
      this.#answerWaiters.clear();
    });
  }
}
