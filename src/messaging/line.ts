/**
 * The tasks of this thread that wait at one end of a ring, oldest first.
 *
 * What they wait to do is done for them in their order, when the native waiter says that something has changed: so
 * messages of one thread never overtake each other, and one native wait stands for all its tasks.
 */
import type { ParsedWait } from '../deadline.js';
import type { Block } from '../shared/block.js';
import { armFor, disarm, enlist, missed, resign, start, Waiter } from '../sync/wait-queue.js';
import { clearTimeout, setTimeout } from '../timing.js';

/** What an attempt returns while it has to wait. */
export const notYet: unique symbol = Symbol('not yet');
/** The same, when nothing would tell that it is worth another try. */
export const soon: unique symbol = Symbol('soon');

const soonMs = 5;

interface Task {
  readonly waiter: Waiter;
  readonly attempt: () => unknown;
  result: unknown;
}

export class Line {
  readonly #block: Block;
  readonly #kind: number;
  readonly #argument: () => number;
  #tasks: Task[] = [];
  #ticket = 0;
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param kind of target
   * @param argument what the target is told; asked for before each attempt
   */
  constructor(block: Block, kind: number, argument: () => number) {
    this.#block = block;
    this.#kind = kind;
    this.#argument = argument;
    enlist(this);
  }

  get length(): number {
    return this.#tasks.length;
  }

  /**
   * Has `attempt` made again and again until it returns something else than {@link notYet} or {@link soon}, or throws.
   *
   * @returns that; `undefined` when the deadline has passed. Rejects with the signal's reason
   */
  wait(owner: object, wait: ParsedWait, attempt: () => unknown): Promise<unknown> {
    start();
    return new Promise((resolve, reject) => {
      const task: Task = {
        waiter: new Waiter(this, owner, wait, (won) => resolve(won === missed ? undefined : task.result), reject),
        attempt,
        result: undefined,
      };
      this.#tasks.push(task);
      if (this.#tasks.length === 1) this.run();
    });
  }

  /** Does what can be done now, and has the rest waited for. */
  run(): void {
    this.pause();
    let argument = 0;
    while (this.#tasks.length > 0) {
      argument = this.#argument();
      const outcome = this.#attempt(this.#tasks[0] as Task);
      if (outcome === notYet) break;
      if (outcome === soon) {
        this.#retry = setTimeout(() => this.run(), soonMs);
        return;
      }
    }
    this.#arm(argument);
  }

  /** Stops the native wait: this thread is going to block for the same. {@link run} goes on. */
  pause(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#ticket === 0) return;
    disarm(this.#ticket);
    this.#ticket = 0;
  }

  /** The native waiter says that something has changed. */
  deliver(): void {
    this.#ticket = 0;
    this.run();
  }

  cancel(waiter: Waiter, settle: () => void): void {
    const index = this.#tasks.findIndex((task) => task.waiter === waiter);
    if (index === -1) return;
    this.#tasks.splice(index, 1);
    waiter.dismiss();
    settle();
    // The next one may be able to do what the first could not.
    if (index === 0) this.run();
  }

  /** Fails all tasks: the object is closed. */
  close(reason: unknown): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    this.pause();
    for (const task of tasks) task.waiter.fail(reason);
    resign(this);
  }

  /** In the child of a fork: these tasks, and the native wait for them, are the parent's. */
  forget(): void {
    for (const task of this.#tasks) task.waiter.dismiss();
    this.#tasks = [];
    this.#ticket = 0;
    clearTimeout(this.#retry);
  }

  #attempt(task: Task): unknown {
    try {
      const result = task.attempt();
      if (result === notYet || result === soon) return result;
      task.result = result;
      this.#tasks.shift();
      task.waiter.settle(0);
    } catch (error) {
      this.#tasks.shift();
      task.waiter.fail(error);
    }
    return undefined;
  }

  #arm(argument: number): void {
    if (this.#tasks.length === 0) return;
    try {
      this.#ticket = armFor(this, this.#kind, this.#block, argument >>> 0);
    } catch (error) {
      // No thread can be started: nobody would ever come back to these.
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) task.waiter.fail(error);
    }
  }
}
