/** A map with a progress bar, and a line with what became of it. */
import { isMainProcess, Pool } from 'multiproc';
import { square } from './pool-targets.js';

if (isMainProcess) {
  const pool = new Pool(2);
  const told: number[] = [];
  const items = Array.from({ length: 40 }, (_, i) => i);
  try {
    const squares = await pool.map(square, items, { chunksize: 10, progress: true, onProgress: (n) => told.push(n) });
    console.log(`\nsum ${squares.reduce((sum, x) => sum + x)} told ${told.join()}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.log(`\n${code} ${message}; ${await pool.apply(square, [3])}`);
  }
  pool.close();
  await pool.join();
}
