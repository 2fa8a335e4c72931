/** Programs with a pool: `idle`, `imported`, `busy`, `workers`. */
import { isMainProcess, Pool } from 'multiproc';
import { hear, tell } from '../harness/parent.js';
import { makeFar, square, who } from './pool-targets.js';

const scenario = process.argv[2];

if (isMainProcess) await main();

async function main(): Promise<void> {
  const pool = new Pool(2);
  if (scenario === 'idle') {
    await pool.map(square, [1, 2, 3]);
    (globalThis as { pool?: Pool }).pool = pool;
    process.disconnect();
  } else if (scenario === 'imported') {
    console.log(JSON.stringify(await pool.apply(makeFar)));
    (globalThis as { pool?: Pool }).pool = pool;
    process.disconnect();
  } else if (scenario === 'busy') {
    void pool.apply(square, [7, 300]).then((value) => console.log(`done: ${value}`));
    process.disconnect();
  } else {
    const pids = async () => {
      const seen = new Set<number>();
      while (seen.size < 2) for (const { pid } of await pool.map(who, [1, 2, 3, 4], { chunksize: 1 })) seen.add(pid);
      return [...seen];
    };
    const before = await pids();
    console.log(before.join(' '));
    await hear();
    await tell((await pids()).filter((pid) => before.includes(pid)).length);
    await hear();
  }
}
