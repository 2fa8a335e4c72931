// Five processes, of which at most two are inside at the same time.
import { setTimeout as sleep } from 'node:timers/promises';
import { currentProcess, isMainProcess, Process, Semaphore, Value } from 'multiproc';

export async function worker(s: Semaphore, i: number, inside: Value<'i'>, most: Value<'i'>): Promise<void> {
  await s.acquire();
  const now = inside.add(1) + 1;
  most.updateSync((seen) => Math.max(seen, now));
  console.log(`${currentProcess().name} acquire`);
  await sleep(i);
  console.log(`${currentProcess().name} release`);
  inside.sub(1);
  s.release();
}

if (isMainProcess) {
  const s = new Semaphore(2);
  const inside = new Value('i', 0);
  const most = new Value('i', 0);
  const children = [0, 1, 2, 3, 4].map((i) => new Process({ target: worker, args: [s, i * 20, inside, most] }));
  for (const p of children) p.start();
  for (const p of children) await p.join();
  console.log('never more than two:', most.value <= 2);
  // In any order:
  // → Process-1 acquire
  // → Process-1 release
  // → Process-2 acquire
  // → Process-2 release
  // → Process-3 acquire
  // → Process-3 release
  // → Process-4 acquire
  // → Process-4 release
  // → Process-5 acquire
  // → Process-5 release
  // → never more than two: true
}
