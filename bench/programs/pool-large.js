// A pool of 200: ms in the constructor, and to the first result, with a fork server that runs already.
import { Pool, warmUp } from 'multiproc';
import { report } from './measure.js';
import { nothing } from './pool-targets.js';

await warmUp();
const start = performance.now();
const pool = new Pool(200);
const constructed = performance.now() - start;
await pool.apply(nothing);
const first = performance.now() - start;
pool.terminate();
await pool.join();
report({ ms: constructed, first });
