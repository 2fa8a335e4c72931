import { isMainProcess, Lock, Process, Value } from 'multiproc/dummy';

export async function add(lock: Lock, total: Value<'i'>, n: number): Promise<number> {
  await lock.run(() => {
    total.value += n;
  });
  return n * n;
}

if (isMainProcess) {
  const lock = new Lock();
  const total = new Value('i');
  const threads = [1, 2, 3].map((n) => new Process({ target: add, args: [lock, total, n] }));
  for (const thread of threads) thread.start();
  console.log(await Promise.all(threads.map((thread) => thread.result))); // → [ 1, 4, 9 ]
  for (const thread of threads) await thread.join();
  console.log(total.value); // → 6
}
