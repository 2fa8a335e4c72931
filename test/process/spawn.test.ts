/** Everything that processes promise, with the start method `spawn`. */
import t from 'tap';
import { processSuite } from '../conformance/process.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
await processSuite(t, 'spawn');
