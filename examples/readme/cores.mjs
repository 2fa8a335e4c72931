import { isMainProcess, Pool } from 'multiproc';

export const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));
if (isMainProcess) {
  const pool = new Pool(); // a worker process for each core
  console.log(await pool.map(fibonacci, [24, 25, 26, 27])); // → [ 46368, 75025, 121393, 196418 ]
  pool.close();
}
