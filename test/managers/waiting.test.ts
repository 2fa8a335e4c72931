/** The calls that wait in a server: none is forgotten, not even one whose time was over before it waited. */
import t from 'tap';
import { Waiting } from '../../dist/managers/types/waiting.js';

t.test('a wait whose time is over already ends', async (t) => {
  const waiting = new Waiting<boolean>();
  // A moment of the clock's beginning.
  t.equal(await waiting.wait(1, false), false);
  t.equal(waiting.length, 0);
});
