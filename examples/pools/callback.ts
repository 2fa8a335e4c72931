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
  console.log('main process', process.pid);
  for (let i = 0; i < 3; i++) await pool.apply(foo, [i]);
  for (let i = 0; i < 10; i++) pool.applyAsync(foo, [i], { callback: bar });

  console.log('end');
  pool.close();
  await pool.join();
}
