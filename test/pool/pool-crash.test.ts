/** Workers that are processes, killed with SIGKILL at random moments. */
import { Pool } from 'multiproc';
import t from 'tap';
import { poolCrashSuite } from '../conformance/pool-crash.js';

export const sweepAfterwards = true;

t.setTimeout(1_800_000);
poolCrashSuite(t, Pool, ({ pid }) => {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
});
