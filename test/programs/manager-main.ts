/** A program whose main module has top-level awaits, and whose classes and functions travel to a manager's server. */
import { isMainProcess, Manager } from 'multiproc';

export function squareHere(n: number): number {
  return n * n;
}

export class Task {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  describe(): string {
    return `Task ${this.number}`;
  }
}

/** Runs in the server. */
export function describeTask(task: Task): string {
  return task.describe();
}

if (isMainProcess) {
  const manager = await Manager();
  const list = await manager.list<Task>();
  await list.append(new Task(7));
  list.sync.append(new Task(8));
  const pool = await manager.Pool(1);
  process.send?.({
    squared: await pool.apply(squareHere, [4]),
    task: await pool.apply(describeTask, [new Task(5)]),
    back: (await list.at(0))?.describe(),
    sync: list.sync.at(1)?.describe(),
  });
  await pool[Symbol.asyncDispose]();
  await manager.shutdown();
  process.disconnect?.();
}
