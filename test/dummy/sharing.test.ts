/** Queues, pipes, locks and shared data between threads, by changing one import; and between processes, for comparison. */
import t from 'tap';
import { sharingSuite, threadSharingSuite } from '../conformance/sharing.js';

export const sweepAfterwards = true;

t.setTimeout(300_000);
await threadSharingSuite(t);
await sharingSuite(t, 'forkserver');
