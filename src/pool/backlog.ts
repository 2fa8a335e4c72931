/** The tasks of a pool that found no room in its ring, oldest first. */
import { dropPayload, freeze, type Payload } from './payload.js';
import type { PoolTask } from './task.js';

export class Backlog {
  readonly #tasks: (PoolTask | undefined)[] = [];
  #from = 0;
  #wanted = 0;

  /** Number of tasks that are not cancelled. */
  get length(): number {
    return this.#wanted;
  }

  /** Keeps a task and copies its payload now. */
  add(task: PoolTask, payload: Payload): void {
    task.payload = freeze(payload);
    this.#tasks.push(task);
    this.#wanted++;
  }

  /** The oldest task that is not cancelled. */
  get first(): PoolTask | undefined {
    while (this.#wanted > 0) {
      const task = this.#tasks[this.#from] as PoolTask;
      if (!task.over) return task;
      this.#passBy();
    }
    return undefined;
  }

  /** Removes the first task. */
  shift(): void {
    this.#passBy();
    this.#countDown();
  }

  /** Marks the task as cancelled: it is skipped when it becomes the first. */
  giveUp(task: PoolTask): void {
    if (task.payload === undefined) return;
    dropPayload(task.payload);
    task.payload = undefined;
    this.#countDown();
  }

  /** Removes and returns all tasks. */
  clear(): PoolTask[] {
    const tasks = this.#tasks.slice(this.#from) as PoolTask[];
    this.#tasks.length = 0;
    this.#from = 0;
    this.#wanted = 0;
    return tasks;
  }

  /** A task holds its outcome, so none is kept here after it was removed. */
  #passBy(): void {
    this.#tasks[this.#from++] = undefined;
    if (this.#from < 1024 || this.#from * 2 < this.#tasks.length) return;
    this.#tasks.splice(0, this.#from);
    this.#from = 0;
  }

  #countDown(): void {
    if (--this.#wanted === 0) this.clear();
  }
}
