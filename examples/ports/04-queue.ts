// One process writes to a queue, another reads from it without end, until the parent ends it.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, JoinableQueue, Process } from 'multiproc';

export async function write(q: JoinableQueue<string>): Promise<void> {
  console.log(`Process to write: ${process.pid}`);
  for (const value of ['A', 'B', 'C']) {
    console.log(`Put ${value} to queue...`);
    await q.put(value);
    await sleep(Math.random() * 50);
  }
}

export async function read(q: JoinableQueue<string>): Promise<void> {
  console.log(`Process to read: ${process.pid}`);
  while (true) {
    const value = await q.get();
    console.log(`Get ${value} from queue.`);
    q.taskDone();
  }
}

if (isMainProcess) {
  // The original hopes that its reader is done when its writer has ended. A queue that can be joined makes sure.
  const q = new JoinableQueue<string>();
  const pw = new Process({ target: write, args: [q] });
  const pr = new Process({ target: read, args: [q] });
  pw.start();
  pr.start();
  await pw.join();
  await q.join();
  // The reader never ends by itself.
  pr.terminate();
  await pr.join();
  console.log('reader ended with', pr.exitCode);
  // In any order:
  // → /^Process to write: \d+$/
  // → /^Process to read: \d+$/
  // → Put A to queue...
  // → Put B to queue...
  // → Put C to queue...
  // → Get A from queue.
  // → Get B from queue.
  // → Get C from queue.
  // In this order:
  // → reader ended with -15
}
