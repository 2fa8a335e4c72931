/** currentTask: what a task can know of itself while it runs. */

/** The task that runs in this worker. */
export interface Task {
  /**
   * Fires when the task is to end: its time is up, or the signal that it was given has fired. It should then stop soon; a
   * worker that is still busy after the pool's `grace` is killed and replaced. `signal.aborted` is up to date in a loop
   * that never awaits, too; listeners run when the event loop does.
   */
  readonly signal: AbortSignal;
}

let current: Task | undefined;

/**
 * The task that this worker of a pool is running; `undefined` elsewhere. A worker runs one task at a time, so ask before the
 * task has settled. Python has no counterpart.
 */
export function currentTask(): Task | undefined {
  return current;
}

export function setCurrentTask(task: Task | undefined): void {
  current = task;
}

/** A task that nobody can interrupt but by killing the worker: its signal never fires. */
export class PlainTask implements Task {
  #signal: AbortSignal | undefined;

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }

  /** Whether somebody may listen to the signal: the next task needs another one. */
  get isUsed(): boolean {
    return this.#signal !== undefined;
  }
}

/** A task with a signal that is made when somebody asks for it. */
export class RunningTask implements Task {
  readonly ordinal: number;
  readonly #reason: () => unknown;
  #controller: AbortController | undefined;

  /** @param reason why it is to end, if it is to by now */
  constructor(ordinal: number, reason: () => unknown) {
    this.ordinal = ordinal;
    this.#reason = reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean;
      // Nothing can fire it while JavaScript runs, so it looks itself.
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
