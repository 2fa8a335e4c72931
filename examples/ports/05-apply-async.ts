// Four tasks for three workers: all are handed over at once, and three run at a time.
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
    pool.applyAsync(func, [msg]); // the fourth begins when one of the others has ended
  }

  console.log('Mark~ Mark~ Mark~~~~~~~~~~~~~~~~~~~~~~');
  pool.close();
  await pool.join();
  console.log('Sub-process(es) done.');
  // In any order:
  // → Mark~ Mark~ Mark~~~~~~~~~~~~~~~~~~~~~~
  // → msg: hello 0
  // → msg: hello 1
  // → msg: hello 2
  // → msg: hello 3
  // 4 × → end
  // In this order:
  // → Sub-process(es) done.
}
