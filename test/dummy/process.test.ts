/** Everything that processes promise, with threads, by changing one import. */
import t from 'tap';
import { threadSuite } from '../conformance/process.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
await threadSuite(t);
