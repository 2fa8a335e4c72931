/** Processes by the start method fork: what every start method promises, in a program that is able to fork. */
import { ableToFork, flag } from '../harness/single-threaded.js';

await ableToFork(import.meta.url, async () => {
  const { default: t } = await import('tap');
  const { processSuite } = await import('../conformance/process.js');
  const { leaveNothing } = await import('../harness/leftovers.js');
  t.setTimeout(240_000);
  leaveNothing(t);
  await processSuite(t, 'fork', [flag]);
});
