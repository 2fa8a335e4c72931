// Five processes, of which at most two are inside at the same time.
import { setTimeout as sleep } from 'node:timers/promises';
import { currentProcess, isMainProcess, Process, Semaphore } from 'multiproc';

export async function worker(s: Semaphore, i: number): Promise<void> {
  await s.acquire();
  console.log(`${currentProcess().name} acquire`);
  await sleep(i);
  console.log(`${currentProcess().name} release`);
  s.release();
}

if (isMainProcess) {
  const s = new Semaphore(2);
  for (let i = 0; i < 5; i++) {
    const p = new Process({ target: worker, args: [s, i * 20] });
    p.start();
  }
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
}
