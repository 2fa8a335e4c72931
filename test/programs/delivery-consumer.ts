/** A consumer that takes all messages, settles some by name, and is killed or ends; in a process or in a Worker. */
import { Worker, workerData } from 'node:worker_threads';
import { deserialize, type JoinableQueue } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

interface Task {
  readonly queue: Uint8Array;
  readonly take: number;
  /** The indices, in this order, of what is acknowledged. */
  readonly done: number[];
  readonly worker?: boolean;
}

if (workerData?.take !== undefined) consume(workerData as Task);
else {
  const task = await hear<Task>();
  if (task.worker) {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    await new Promise((resolve) => worker.once('exit', resolve));
  } else consume(task);
  await tell('took them');
  await hear();
}

function consume({ queue, take, done }: Task): void {
  const messages = (deserialize(queue) as JoinableQueue).takeManySync(take);
  while (messages.length < take) messages.push((deserialize(queue) as JoinableQueue).takeSync());
  for (const i of done) messages[i]?.done();
}
