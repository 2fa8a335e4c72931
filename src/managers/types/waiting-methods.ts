/** The methods that wait, of the kinds of objects that managers make: which argument says for how long. */

const acquire = { acquire: 0 };
const queue = { put: 1, putMany: 1, get: 0, getMany: 1 };

const positions: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  lock: acquire,
  semaphore: acquire,
  condition: { ...acquire, wait: 0 },
  event: { wait: 0 },
  barrier: { wait: 0 },
  queue,
  joinablequeue: { ...queue, join: 0 },
  pool: { join: 0 },
  asyncresult: { get: 0, wait: 0 },
};

/** `undefined` for a method of which nothing is known, or that does not wait. */
export function waitPosition(kind: string, method: string): number | undefined {
  const ofKind = Object.hasOwn(positions, kind) ? positions[kind] : undefined;
  return ofKind !== undefined && Object.hasOwn(ofKind, method) ? ofKind[method] : undefined;
}
