/** Everything that pools promise, with workers that are processes of the program's start method. */
import { Pool } from 'multiproc';
import t from 'tap';
import { poolSuite } from '../conformance/pool.js';

export const sweepAfterwards = true;

t.setTimeout(300_000);
poolSuite(t, { Pool, workers: 'process' });
