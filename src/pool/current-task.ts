/** currentTask: what a task can learn about itself while it runs. */

/** The task that runs in this worker. */
export interface Task {
  /**
   * Fires when the task is to end: it has timed out, or the signal of its call has fired. It should then stop soon; a
   * worker that is still busy after the pool's `grace` is killed and replaced. `signal.aborted` is current in a loop
   * that never awaits, too; listeners run with the event loop.
   */
  readonly signal: AbortSignal;
}

let current: Task | undefined;

/**
 * Returns the task that this worker of a pool is running; `undefined` elsewhere. A worker runs one task at a time, so
 * call it before the task has settled. Python has no counterpart.
 */
export function currentTask(): Task | undefined {
  return current;
}

export function setCurrentTask(task: Task | undefined): void {
  current = task;
}

/** A task that only the worker's death interrupts: its signal never fires. */
export class PlainTask implements Task {
  #signal: AbortSignal | undefined;

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }

  /** Whether the signal may have listeners: the next task needs another one. */
  get isUsed(): boolean {
    return this.#signal !== undefined;
  }
}

/** A task whose signal is made on first use. */
export class RunningTask implements Task {
  readonly ordinal: number;
  readonly #reason: () => unknown;
  #controller: AbortController | undefined;

  /** @param reason returns why the task is to end, if it is */
  constructor(ordinal: number, reason: () => unknown) {
    this.ordinal = ordinal;
    this.#reason = reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean;
      // Nothing can fire the signal while JavaScript runs, so its getter reads the board.
      Object.defineProperty(controller.signal, 'aborted', {
        get: () => {
          this.look();
          return isAborted.call(controller.signal);
        },
        configurable: true,
      });
      this.look();
    }
    return this.#controller.signal;
  }

  /** Fires the signal if the task is to end. */
  look(): void {
    const reason = this.#reason();
    if (reason !== undefined) this.#controller?.abort(reason);
  }
}
