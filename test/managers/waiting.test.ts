/** The calls that wait in a server: none is forgotten, not even one whose time was over before it waited. */
import t from 'tap';

const { Waiting } = await import(new URL('../../dist/internals.js', import.meta.url).href);

t.test('a wait whose time is over already ends', async (t) => {
  const waiting = new Waiting();
  // A moment of the clock's beginning.
  t.equal(await waiting.wait(1, false), false);
  t.equal(waiting.length, 0);
});
