// An instance of a class of this program travels through a queue, and its method is called in the child.
import { currentProcess, isMainProcess, Process, Queue } from 'multiproc';

export class MyFancyClass {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  doSomething(): void {
    const procName = currentProcess().name;
    console.log(`Doing something fancy in ${procName} for ${this.name}!`);
  }
}

export async function worker(q: Queue<MyFancyClass>): Promise<void> {
  const obj = await q.get();
  obj.doSomething();
}

if (isMainProcess) {
  const queue = new Queue<MyFancyClass>();

  const p = new Process({ target: worker, args: [queue] });
  p.start();

  await queue.put(new MyFancyClass('Fancy Dan'));

  // Wait for the worker to finish
  queue.close();
  await queue.joinThread();
  await p.join();
  // → Doing something fancy in Process-1 for Fancy Dan!
}
