// Four different functions in one pool, each for a random time.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Pool } from 'multiproc';

async function work(task: number): Promise<void> {
  console.log(`Run task ${task}, pid is ${process.pid}`);
  const start = performance.now();
  await sleep(Math.random() * 100);
  console.log(`Task ${task} runs ${((performance.now() - start) / 1000).toFixed(2)} seconds.`);
}

export const fun1 = (): Promise<void> => work(1);
export const fun2 = (): Promise<void> => work(2);
export const fun3 = (): Promise<void> => work(3);
export const fun4 = (): Promise<void> => work(4);

if (isMainProcess) {
  const functionList = [fun1, fun2, fun3, fun4];
  console.log(`parent process ${process.pid}`);

  const pool = new Pool(4);
  for (const func of functionList) pool.applyAsync(func);

  console.log('Waiting for all subprocesses done...');
  pool.close();
  await pool.join();
  console.log('All subprocesses done.');
  // → /^parent process \d+$/
  // In any order:
  // → Waiting for all subprocesses done...
  // 4 × → /^Run task [1-4], pid is \d+$/
  // → /^Task 1 runs \d\.\d\d seconds\.$/
  // → /^Task 2 runs \d\.\d\d seconds\.$/
  // → /^Task 3 runs \d\.\d\d seconds\.$/
  // → /^Task 4 runs \d\.\d\d seconds\.$/
  // In this order:
  // → All subprocesses done.
}
