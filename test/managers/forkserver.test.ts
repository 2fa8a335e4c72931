/** Everything that managers promise, with the start method `forkserver`. */
import t from 'tap';
import { managersSuite } from '../conformance/managers.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
managersSuite(t, 'forkserver');
