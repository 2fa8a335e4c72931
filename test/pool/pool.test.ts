/** Everything that pools promise, with workers that are processes of the program's start method. */
import { Pool } from 'multiproc';
import t from 'tap';
import { poolSuite } from '../conformance/pool.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
poolSuite(t, { Pool, workers: 'process' });
