/** Everything that pools promise, with workers that are forked from the program; also when they are killed. */
import { ableToFork } from '../harness/single-threaded.js';

export const sweepAfterwards = true;

await ableToFork(import.meta.url, async () => {
  const { default: t } = await import('tap');
  const { Pool, setStartMethod } = await import('multiproc');
  const { killProcess, poolCrashSuite } = await import('../conformance/pool-crash.js');
  const { poolSuite } = await import('../conformance/pool.js');
  setStartMethod('fork');
  t.setTimeout(1_800_000);
  poolSuite(t, { Pool, workers: 'process' });
  poolCrashSuite(t, Pool, killProcess);
});
