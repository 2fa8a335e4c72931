/** Workers that are processes, killed with SIGKILL at random moments. */
import { Pool } from 'multiproc';
import t from 'tap';
import { killProcess, poolCrashSuite } from '../conformance/pool-crash.js';

export const sweepAfterwards = true;

t.setTimeout(1_800_000);
poolCrashSuite(t, Pool, killProcess);
