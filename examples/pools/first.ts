import { isMainProcess, Pool } from 'multiproc';

export function square(x: number): number {
  return x * x;
}

if (isMainProcess) {
  const pool = new Pool(2);
  console.log(await pool.map(square, [1, 2, 3]));
  // → [ 1, 4, 9 ]
  console.log(await pool.apply(square, [7]));
  // → 49
  pool.close();
  await pool.join();
}
