// A pool of five: one call after the other, then ten at once, whose callbacks run in the process that has the pool.
import { setTimeout as sleep } from 'node:timers/promises';
import { freezeSupport, isMainProcess, Pool } from 'multiproc';

export async function foo(i: number): Promise<number> {
  await sleep(10);
  console.log('current process', process.pid);
  return i + 100;
}

function bar(arg: number): void {
  console.log('-->exec done:', arg, process.pid);
}

if (isMainProcess) {
  freezeSupport();
  const pool = new Pool(5);
  console.log('main process', process.pid); // → /^main process \d+$/
  for (let i = 0; i < 10; i++) await pool.apply(foo, [i]); // 10 × → /^current process \d+$/
  for (let i = 0; i < 10; i++) pool.applyAsync(foo, [i], { callback: bar });

  // In any order:
  console.log('end'); // → end
  pool.close();
  await pool.join();
  // 10 × → /^current process \d+$/
  // 10 × → /^-->exec done: 10\d \d+$/
}
