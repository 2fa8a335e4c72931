import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Pool } from 'multiproc';

export async function func(msg: string): Promise<void> {
  console.log('msg:', msg);
  await sleep(100);
  console.log('end');
}

if (isMainProcess) {
  const pool = new Pool(3);
  for (let i = 0; i < 4; i++) {
    const msg = `hello ${i}`;
    // Three run at a time; the fourth begins when one of them has ended.
    pool.applyAsync(func, [msg]);
  }

  console.log('Mark~ Mark~ Mark~~~~~~~~~~~~~~~~~~~~~~');
  pool.close();
  await pool.join();
  console.log('Sub-process(es) done.');
}
