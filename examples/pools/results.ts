import { setTimeout as sleep } from 'node:timers/promises';
import { type AsyncResult, isMainProcess, Pool } from 'multiproc';

export async function func(msg: string): Promise<string> {
  await sleep(10);
  return `done ${msg}`;
}

if (isMainProcess) {
  const pool = new Pool(3);
  const result: AsyncResult<string>[] = [];
  for (let i = 0; i < 4; i++) {
    const msg = `hello ${i}`;
    result.push(pool.applyAsync(func, [msg]));
  }
  pool.close();
  await pool.join();
  for (const res of result) console.log('return:', await res.get());
  // → return: done hello 0
  // → return: done hello 1
  // → return: done hello 2
  // → return: done hello 3
  console.log('Sub-process(es) done.');
  // → Sub-process(es) done.
}
