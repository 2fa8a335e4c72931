// Functions travel through a queue together with their arguments; null ends it.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, JoinableQueue, Process, Queue } from 'multiproc';

type Task = [func: (n: number) => number, arg: number] | null;

export function double(n: number): number {
  return n * 2;
}

export async function producer(inQueue: JoinableQueue<Task>): Promise<void> {
  while (true) {
    const wt = Math.random();
    await sleep(wt * 10);
    await inQueue.put([double, wt]);
    if (wt > 0.9) {
      await inQueue.put(null);
      console.log('stop producer');
      break;
    }
  }
}

export async function consumer(inQueue: JoinableQueue<Task>, outQueue: Queue<number>): Promise<void> {
  while (true) {
    const task = await inQueue.get();
    if (task === null) {
      inQueue.taskDone(); // the original leaves this out: with it, join() never depends on who is faster
      break;
    }
    const [func, arg] = task;
    const result = func(arg);
    await outQueue.put(result);
    inQueue.taskDone(); // once the result is safe
  }
}

if (isMainProcess) {
  const tasksQueue = new JoinableQueue<Task>();
  const resultsQueue = new Queue<number>();
  const processes: Process[] = [];

  let p = new Process({ target: producer, args: [tasksQueue] });
  p.start();
  processes.push(p);

  p = new Process({ target: consumer, args: [tasksQueue, resultsQueue] });
  p.start();
  processes.push(p);

  await tasksQueue.join();

  for (const p of processes) await p.join();

  while (true) {
    if (resultsQueue.empty()) break;
    const result = await resultsQueue.get();
    console.log(`Result: ${result}`);
  }
  // → stop producer
  // some → /^Result: [\d.e-]+$/
}
