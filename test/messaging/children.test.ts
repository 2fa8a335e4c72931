/** Messages between a program and its children, with the start methods `forkserver` and `spawn`. */
import t from 'tap';
import { messagingSuite } from '../conformance/messaging.js';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(300_000);
leaveNothing(t);
t.test('forkserver', (t) => messagingSuite(t, 'forkserver'));
t.test('spawn', (t) => messagingSuite(t, 'spawn'));
