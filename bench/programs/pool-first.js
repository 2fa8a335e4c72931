// From `new Pool(2)` to the first result, with a fork server that runs already: median of 15, in ms.
import { Pool, warmUp } from 'multiproc';
import { report } from './measure.js';
import { nothing } from './pool-targets.js';

await warmUp();
const times = [];
for (let i = 0; i < 15; i++) {
  const start = performance.now();
  const pool = new Pool(2);
  await pool.apply(nothing);
  times.push(performance.now() - start);
  pool.terminate();
  await pool.join();
}
report({ ms: times.sort((a, b) => a - b)[7] });
