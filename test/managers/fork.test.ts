/** Everything that managers promise, with the start method `fork`, in a program that is able to. */
import { ableToFork } from '../harness/single-threaded.js';

await ableToFork(import.meta.url, async () => {
  const { default: t } = await import('tap');
  const { managersSuite } = await import('../conformance/managers.js');
  const { leaveNothing } = await import('../harness/leftovers.js');
  t.setTimeout(300_000);
  leaveNothing(t);
  managersSuite(t, 'fork');
});
