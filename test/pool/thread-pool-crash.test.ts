/** Workers that are threads, ended by force at random moments. */
import { activeChildren, Pool } from 'multiproc/dummy';
import t from 'tap';
import { poolCrashSuite } from '../conformance/pool-crash.js';

export const sweepAfterwards = true;

t.setTimeout(1_800_000);
poolCrashSuite(t, Pool, ({ name }) => {
  const thread = activeChildren().find((child) => child.name === name);
  thread?.kill();
  return thread !== undefined;
});
