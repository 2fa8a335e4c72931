import { setTimeout as sleep } from 'node:timers/promises';
import { type AsyncResult, isMainProcess, Pool, TimeoutError } from 'multiproc';

export async function func(name: string): Promise<string> {
  await sleep(100);
  return name.toUpperCase();
}

if (isMainProcess) {
  const results: AsyncResult<string>[] = [];
  const pool = new Pool(5);
  for (let i = 0; i < 7; i++) results.push(pool.applyAsync(func, [`kel${i}`]));
  try {
    await results[0]?.get(1);
  } catch (error) {
    console.log(error instanceof TimeoutError);
    // → true
  }
  pool.close();
  await pool.join();
  for (const result of results) console.log(await result.get(20_000));
  // → KEL0
  // → KEL1
  // → KEL2
  // → KEL3
  // → KEL4
  // → KEL5
  // → KEL6
}
