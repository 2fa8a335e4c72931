/** A client with the key that asks a manager for much more work than it sends bytes, in the way that each message names. */
import { type Address, SyncManager } from 'multiproc';

type Ask = (manager: SyncManager) => Promise<unknown>;

/** Arrays in each other, each of which has the next one twice. */
function doubling(levels: number): unknown {
  let value: unknown = ['x'];
  for (let i = 0; i < levels; i++) value = [value, value];
  return value;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** Calls a method of a proxy that its type does not name. */
const call = (proxy: object, name: string, ...args: unknown[]) =>
  (proxy as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]?.(...args) ??
  Promise.reject(new Error(`the proxy has no ${name}`));
const sparse = (length: number) => Object.assign([], { length, 0: 1 });

export const attacks: Record<string, Ask> = {
  'a sparse array': (manager) => manager.list([sparse(2 ** 32 - 2)]),
  'many sparse arrays': (manager) => manager.list(Array.from({ length: 300 }, () => sparse(12_000))),
  'join of shared arrays': async (manager) => (await manager.list([doubling(40)])).join(),
  'join with a long separator': async (manager) =>
    (await manager.list(Array.from({ length: 100_000 }, () => 1))).join('x'.repeat(100_000)),
  'sort of shared arrays': async (manager) => (await manager.list([doubling(40), doubling(41)])).sort(),
  'toSorted of shared arrays': async (manager) => call(await manager.list([doubling(30), 'x']), 'toSorted'),
  'sort of items that share their texts': async (manager) => {
    const long = doubling(20);
    return (await manager.list(Array.from({ length: 2000 }, (_, i) => [long, i]))).sort();
  },
  'flat of shared arrays': async (manager) => call(await manager.list([doubling(40)]), 'flat', Infinity),
  'flat of an array within itself': async (manager) => {
    const ring: unknown[] = [];
    for (let i = 0; i < 10; i++) ring.push(ring);
    return call(await manager.list([ring]), 'flat', Infinity);
  },
  'concat of one array many times': async (manager) => {
    const one = Array.from({ length: 50_000 }, () => 1);
    return (await manager.list()).concat(...Array.from({ length: 50_000 }, () => one));
  },
  'union of one set many times': async (manager) => {
    const one = new Set(Array.from({ length: 50_000 }, (_, i) => i));
    return (await manager.set<unknown>()).union(...Array.from({ length: 5000 }, () => one));
  },
  'a list that is extended by itself': async (manager) => {
    const list = await manager.list(Array.from({ length: 100_000 }, () => 1));
    for (let i = 0; i < 40; i++) await list.extend(list as never);
  },
  'a shared array as a key': async (manager) => (await manager.dict<unknown>({})).pop(doubling(40) as never),
  'the text of shared arrays in a namespace': async (manager) => {
    const wide = (levels: number, below: unknown): unknown =>
      levels === 0
        ? below
        : wide(
            levels - 1,
            Array.from({ length: 99 }, () => below),
          );
    const namespace = await manager.Namespace({ a: wide(3, 1), b: wide(3, 2) });
    return call(namespace, 'toText');
  },
  'permits of a semaphore': async (manager) => {
    const semaphore = await manager.Semaphore(0);
    for (let i = 0; i < 100; i++) await semaphore.release(1e12);
  },
  'an Array of a named length': (manager) => manager.Array('d', 1e9),
  'an Array whose elements are converted': (manager) => manager.Array('u', 1e9),
  'many Arrays of named lengths': async (manager) => {
    const kept: unknown[] = [];
    for (let i = 0; i < 100; i++) kept.push(await manager.Array('d', 1e7));
  },
  'a pool of many workers': (manager) => manager.Pool(1_000_000),
  'a barrier of many parties': (manager) => manager.Barrier(1e9),
  'calls that are taken back': async (manager) => {
    const event = await manager.Event();
    const controller = new AbortController();
    const waits = Array.from({ length: 60_000 }, () => event.wait({ signal: controller.signal }).catch(() => {}));
    controller.abort();
    await Promise.all(waits);
  },
  'items that are popped': async (manager) => {
    const dict = await manager.dict(Array.from({ length: 100_000 }, (_, i): [number, number] => [i, i]));
    await Promise.all(Array.from({ length: 50_000 }, () => dict.popItem()));
  },
  'many walks in one message': async (manager) => {
    const list = await manager.list(Array.from({ length: 300_000 }, (_, i) => i));
    await Promise.all(Array.from({ length: 10_000 }, () => list.indexOf(-1)));
  },
  'values in each other': (manager) => manager.list([nested(50_000)]),
};

let manager: SyncManager | undefined;

async function run(name: string): Promise<string> {
  try {
    await attacks[name]?.(manager as SyncManager);
    return 'done';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

process.on('message', async (message: { address: Address; authkey: string } | string) => {
  if (typeof message === 'string') {
    process.send?.(await run(message));
    return;
  }
  manager = new SyncManager(message);
  await manager.connect();
  process.send?.(Object.keys(attacks));
});
process.on('disconnect', () => process.exit());
