import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { deserialize, SharedArray, serialize, Value } from 'multiproc';

interface Job {
  done: Value<'i'>;
  squares: SharedArray<'d'>;
}

if (isMainThread) {
  const job: Job = { done: new Value('i'), squares: new SharedArray('d', 5) };
  // The bytes hold handles, not copies: what comes out of them is the same memory.
  const worker = new Worker(new URL(import.meta.url), { workerData: serialize(job) });
  await once(worker, 'exit');
  console.log(job.done.value, job.squares.join(' ')); // → 5 0 1 4 9 16
} else {
  const { done, squares } = deserialize(workerData) as Job;
  for (let i = 0; i < squares.length; i++) squares[i] = i * i;
  done.add(squares.length);
}
