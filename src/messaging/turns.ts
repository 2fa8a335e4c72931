/** The tasks of this thread that wait for one thing in turn, oldest first: the receivers of a connection, for example. */
import { now, type ParsedWait, timerMs } from '../deadline.js';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { clearTimeout, setTimeout } from '../timing.js';
import type { Notice } from './waitable.js';

/** One look: what was waited for, or `undefined` if it is not there yet. What it throws ends the wait. */
type Attempt<T> = () => T | undefined;

interface Task {
  readonly attempt: Attempt<unknown>;
  readonly ref: boolean;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  /** Undoes the timer and the listener for the signal. */
  dismiss(): void;
}

/** Lines with tasks in them. */
const busy = new Set<Turns>();

export class Turns {
  readonly #watch: (callback: () => void) => Notice;
  readonly #tasks: Task[] = [];
  #notice: Notice | undefined;

  /** @param watch asks for one call when the oldest task should look again */
  constructor(watch: (callback: () => void) => Notice) {
    this.#watch = watch;
  }

  /** Whether nobody waits. */
  get idle(): boolean {
    return this.#tasks.length === 0;
  }

  /**
   * Waits until the attempt gives something. It is made at once if nobody came before, and never by two tasks at a time.
   *
   * @returns `undefined` when the deadline has passed; rejects with what the attempt throws, or with the signal's reason
   */
  async wait<T>(attempt: Attempt<T>, wait: ParsedWait): Promise<T | undefined> {
    wait.signal?.throwIfAborted();
    if (this.idle) {
      const value = attempt();
      if (value !== undefined || wait.deadline === 0) return value;
    }
    return (await this.#queue(attempt, wait)) as T | undefined;
  }

  /** All who wait are told that it is over. */
  fail(reason: unknown): void {
    for (const task of this.#tasks.splice(0)) {
      task.dismiss();
      task.reject(reason);
    }
    this.#rest();
  }

  /** In the child of a fork: the tasks are the parent's. */
  forget(): void {
    for (const task of this.#tasks.splice(0)) task.dismiss();
    this.#rest();
  }

  #queue(attempt: Attempt<unknown>, wait: ParsedWait): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (settle: () => void) => {
        const index = this.#tasks.indexOf(task);
        if (index === -1) return;
        this.#tasks.splice(index, 1);
        task.dismiss();
        if (index === 0) this.#look();
        else this.#rest();
        settle();
      };
      const expire = () => {
        if (now() < wait.deadline) {
          setTimer();
          return;
        }
        // The timer may be served before news that came first.
        if (this.#tasks[0] === task) this.#look();
        leave(() => resolve(undefined));
      };
      const setTimer = () => {
        timer = setTimeout(expire, timerMs(wait.deadline - now()));
        if (!wait.ref) timer.unref();
      };
      const abort = () => leave(() => reject(wait.signal?.reason));
      const dismiss = () => {
        clearTimeout(timer);
        wait.signal?.removeEventListener('abort', abort);
      };
      const task: Task = { attempt, ref: wait.ref, resolve, reject, dismiss };
      wait.signal?.addEventListener('abort', abort, { once: true });
      if (wait.deadline !== Infinity) setTimer();
      this.#tasks.push(task);
      busy.add(this);
      try {
        this.#rest();
      } catch (error) {
        leave(() => reject(error));
      }
    });
  }

  /** The oldest tasks look, until one finds nothing. */
  #look(): void {
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      try {
        const value = task.attempt();
        if (value === undefined) break;
        if (this.#tasks[0] === task) this.#tasks.shift();
        task.dismiss();
        task.resolve(value);
      } catch (error) {
        if (this.#tasks[0] === task) this.#tasks.shift();
        task.dismiss();
        task.reject(error);
      }
    }
    try {
      this.#rest();
    } catch (error) {
      // Nothing would tell those who wait.
      for (const task of this.#tasks.splice(0)) {
        task.dismiss();
        task.reject(error);
      }
      busy.delete(this);
    }
  }

  /** Makes what is asked for fit who is there. */
  #rest(): void {
    if (this.#tasks.length === 0) {
      busy.delete(this);
      this.#notice?.cancel();
      this.#notice = undefined;
      return;
    }
    this.#notice ??= this.#watch(() => {
      this.#notice = undefined;
      this.#look();
    });
    this.#notice.reference(this.#tasks.some((task) => task.ref));
  }
}

afterForkInChild(() => {
  for (const line of busy) line.forget();
});
