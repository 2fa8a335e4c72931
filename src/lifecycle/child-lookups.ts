/**
 * Name lookups in a child whose parent was in one when it forked. At most half of the pool's threads may look up names
 * at a time, and Node still counts those of the parent: the child gets a larger pool.
 */
import { fstat } from 'node:fs';

const usualSize = 4;
const largestSize = 1024;
const variable = 'UV_THREADPOOL_SIZE';

/** Number of threads of the pool, if it differs from the environment's. */
let enlarged: number | undefined;

/** For the child of a fork, before it uses the pool. */
export function makeRoomForLookups(): void {
  const asked = process.env[variable];
  const size = Math.min(Number.parseInt(asked ?? String(usualSize), 10) || 1, largestSize);
  const stuck = Math.min(inheritedLookups(), ((enlarged ?? size) + 1) >> 1);
  if (stuck === 0) return;
  enlarged = size + 2 * stuck;
  // It is made at its first use, when the environment is asked for its size.
  process.env[variable] = String(enlarged);
  fstat(0, () => {});
  if (asked === undefined) delete process.env[variable];
  else process.env[variable] = asked;
}

// Those of its parent's parents are among them.
function inheritedLookups(): number {
  const { _getActiveRequests } = process as unknown as { _getActiveRequests?(): object[] };
  const requests = _getActiveRequests?.call(process) ?? [];
  return requests.filter(({ constructor: { name } }) => /^Get(Addr|Name)InfoReqWrap$/.test(name)).length;
}
