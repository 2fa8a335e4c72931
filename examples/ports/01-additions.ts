// Two processes add to one value, first without protection, then atomically.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process, Value } from 'multiproc';

export async function job(val: Value<'i'>, num: number): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await sleep(10); // makes the effect plainer
    val.value += num; // reads, then writes: the other may write in between
    console.log(val.value);
  }
}

export async function atomicJob(val: Value<'i'>, num: number): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await sleep(10);
    console.log(val.add(num) + num);
  }
}

async function multicore(target: typeof job): Promise<number> {
  const val = new Value('i', 0);
  const p1 = new Process({ target, args: [val, 1] });
  const p2 = new Process({ target, args: [val, 3] });
  p1.start();
  p2.start();
  await p1.join();
  await p2.join();
  return val.value;
}

if (isMainProcess) {
  const total = await multicore(job); // 10 × → /^\d+$/
  console.log(total <= 20); // → true
  console.log(await multicore(atomicJob)); // 10 × → /^\d+$/
  // → 20
}
