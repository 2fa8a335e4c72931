// What the tasks return is collected in the end, in the order in which they were given.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AsyncResult, isMainProcess, Pool } from 'multiproc';

export async function func(msg: string): Promise<string> {
  console.log('msg:', msg);
  await sleep(10);
  console.log('end');
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
  // In any order:
  // → msg: hello 0
  // → msg: hello 1
  // → msg: hello 2
  // → msg: hello 3
  // 4 × → end
  // In this order:
  // → return: done hello 0
  // → return: done hello 1
  // → return: done hello 2
  // → return: done hello 3
  console.log('Sub-process(es) done.');
  // → Sub-process(es) done.
}
