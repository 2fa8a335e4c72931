/** Workers that are processes, killed with SIGKILL at random moments. */
import { Pool } from 'multiproc';
import t from 'tap';
import { poolCrashSuite } from '../conformance/pool-crash.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(1_800_000);
leaveNothing(t);
poolCrashSuite(t, Pool, ({ pid }) => {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
});
