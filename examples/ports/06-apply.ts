// The same with a wait for each: one after the other.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Pool } from 'multiproc';

export async function func(msg: string): Promise<void> {
  console.log('msg:', msg);
  await sleep(10);
  console.log('end');
}

if (isMainProcess) {
  const pool = new Pool(3);
  for (let i = 0; i < 4; i++) {
    const msg = `hello ${i}`;
    await pool.apply(func, [msg]);
    // → msg: hello 0
    // → end
    // → msg: hello 1
    // → end
    // → msg: hello 2
    // → end
    // → msg: hello 3
    // → end
  }

  console.log('Mark~ Mark~ Mark~~~~~~~~~~~~~~~~~~~~~~');
  // → Mark~ Mark~ Mark~~~~~~~~~~~~~~~~~~~~~~
  pool.close();
  await pool.join();
  console.log('Sub-process(es) done.');
  // → Sub-process(es) done.
}
