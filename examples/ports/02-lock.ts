// The same inside a lock: who comes first adds all its own before the other adds any.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Lock, Process, Value } from 'multiproc';

export async function job(val: Value<'i'>, num: number, lock: Lock): Promise<void> {
  await lock.acquire();
  for (let i = 0; i < 5; i++) {
    await sleep(10);
    val.value += num;
    console.log(val.value);
  }
  lock.release();
}

if (isMainProcess) {
  const lock = new Lock();
  const val = new Value('i', 0);
  const p1 = new Process({ target: job, args: [val, 1, lock] });
  const p2 = new Process({ target: job, args: [val, 3, lock] });
  p1.start();
  p2.start();
  await p1.join();
  await p2.join();
  // → /^(1|3)$/
  // → /^(2|6)$/
  // → /^(3|9)$/
  // → /^(4|12)$/
  // → /^(5|15)$/
  // → /^(8|16)$/
  // → /^(11|17)$/
  // → /^(14|18)$/
  // → /^(17|19)$/
  // → 20
}
