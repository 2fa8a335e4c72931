/** The tasks of a pool that found no room in its ring, oldest first. */
import { dropPayload, freeze, type Payload } from './payload.js';
import type { PoolTask } from './task.js';

export class Backlog {
  readonly #tasks: (PoolTask | undefined)[] = [];
  #from = 0;
  #wanted = 0;

  /** How many are still wanted. */
  get length(): number {
    return this.#wanted;
  }

  /** Keeps a task. What is in the payload is copied now. */
  add(task: PoolTask, payload: Payload): void {
    task.payload = freeze(payload);
    this.#tasks.push(task);
    this.#wanted++;
  }

  /** The oldest that is wanted. */
  get first(): PoolTask | undefined {
    while (this.#wanted > 0) {
      const task = this.#tasks[this.#from] as PoolTask;
      if (!task.over) return task;
      this.#passBy();
    }
    return undefined;
  }

  /** The first has had its turn. */
  shift(): void {
    this.#passBy();
    this.#countDown();
  }

  /** The task is over: it is passed by when its turn comes. */
  giveUp(task: PoolTask): void {
    if (task.payload === undefined) return;
    dropPayload(task.payload);
    task.payload = undefined;
    this.#countDown();
  }

  /** Lets go of all, and returns them. */
  clear(): PoolTask[] {
    const tasks = this.#tasks.slice(this.#from) as PoolTask[];
    this.#tasks.length = 0;
    this.#from = 0;
    this.#wanted = 0;
    return tasks;
  }

  /** A task keeps what came of it for whoever waits, so none is held here after its turn. */
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
