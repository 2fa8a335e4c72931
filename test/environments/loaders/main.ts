import { getAllStartMethods, isMainProcess, Pool, Process } from 'multiproc';

export function twice(x: number): number {
  return 2 * x;
}

async function main(): Promise<void> {
  for (const context of getAllStartMethods().filter((method) => method !== 'fork')) {
    const child = new Process({ target: twice, args: [4], context });
    child.start();
    console.log(context, await child.result);
  }
  const pool = new Pool(1);
  console.log('pool', await pool.apply(twice, [5]));
  pool.terminate();
  await pool.join();
}

if (isMainProcess) void main();
