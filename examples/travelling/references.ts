import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { deserialize, register, serialize } from 'multiproc';

export class Task {
  readonly a: number;
  readonly b: number;

  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }

  run(): number {
    return this.a + this.b;
  }
}

export function double(x: number): number {
  return 2 * x;
}

// What is wrapped has no place of its own to be found at, so it gets a name.
const memoise = (fn: (x: number) => number) => {
  const known = new Map<number, number>();
  return (x: number) => known.get(x) ?? known.set(x, fn(x)).get(x);
};
export const quick = register('example.quick', memoise(double));

if (isMainThread) {
  try {
    serialize({ args: [() => 1] });
  } catch (error) {
    console.log((error as Error).name); // → TypeError
  }
  const worker = new Worker(new URL(import.meta.url), { workerData: serialize([double, quick, new Task(2, 3)]) });
  await once(worker, 'exit');
} else {
  const [fn, same, task] = deserialize(workerData) as [typeof double, typeof quick, Task];
  console.log(fn === double, same === quick, task.run()); // → true true 5
}
