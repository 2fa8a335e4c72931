/** Messages between a program and its children, with the start method `fork`, in a program that is able to fork. */
import { ableToFork } from '../harness/single-threaded.js';

await ableToFork(import.meta.url, async () => {
  const { default: t } = await import('tap');
  const { messagingSuite } = await import('../conformance/messaging.js');
  const { leaveNothing } = await import('../harness/leftovers.js');
  t.setTimeout(240_000);
  leaveNothing(t);
  await messagingSuite(t, 'fork');
});
