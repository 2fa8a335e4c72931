// A map of 10,000 keys: reads and writes of one process. `WHAT FORM`
import { mkdtempSync, rmSync } from 'node:fs';
import { Manager, RateLimiter, SharedMap } from 'multiproc';
import { nanoseconds, nanosecondsAsync, report } from './measure.js';
import { withRedis } from './redis-server.js';
import { zipf } from './zipf.js';

const [what, form] = process.argv.slice(2);
const count = 10_000;
const keys = Array.from({ length: count }, (_, i) => `user:${i}`);
const order = Array.from({ length: 1 << 16 }, () => keys[Math.floor(Math.random() * count)]);
const values = {
  string: 'x'.repeat(100),
  object: { id: 1, name: 'Ada', email: 'ada@example.org', age: 36, active: true },
};
const value = values[form];

function reads(map, iterations = 200_000) {
  let sum = 0;
  return nanoseconds(
    (n) => {
      for (let i = 0; i < n; i++) sum += map.get(order[i & 65535]) === undefined ? 1 : 0;
      if (sum > 0) throw new Error('a key has no value');
    },
    { iterations },
  );
}

function writes(map, iterations = 200_000) {
  return nanoseconds(
    (n) => {
      for (let i = 0; i < n; i++) map.set(order[i & 65535], value);
    },
    { iterations },
  );
}

function fill(map) {
  for (const key of keys) map.set(key, value);
  return map;
}

async function dict() {
  const manager = await Manager();
  const proxy = (await manager.dict()).sync;
  fill(proxy);
  const ns = reads(proxy, 200);
  await manager.shutdown();
  return ns;
}

function consume() {
  const limiter = new RateLimiter({ points: 100, duration: 1000 });
  const ns = nanoseconds((n) => {
    for (let i = 0; i < n; i++) limiter.consume(order[i & 65535]);
  });
  limiter.close();
  return ns;
}

async function lru() {
  const { LRUCache } = await import('lru-cache');
  return new LRUCache({ max: 2 * count });
}

async function lmdb(use) {
  const { open } = await import('lmdb');
  const path = mkdtempSync('/dev/shm/multiproc-bench-');
  const store = open({ path, noSync: true, overlappingSync: false });
  try {
    for (const key of keys) store.putSync(key, value);
    return await use(store);
  } finally {
    await store.close();
    rmSync(path, { recursive: true });
  }
}

/** Puts without waiting for each, then waits for all: what is amortised over a batch. */
function puts(store) {
  return nanosecondsAsync(
    async (n) => {
      let last;
      for (let i = 0; i < n; i++) last = store.put(order[i & 65535], value);
      await last;
    },
    { iterations: 20_000 },
  );
}

function redis(what) {
  return withRedis(async (client) => {
    for (const key of keys) await client.command('SET', key, value);
    const once = what === 'get' ? (key) => client.command('GET', key) : (key) => client.command('SET', key, value);
    return nanosecondsAsync(
      async (n) => {
        for (let i = 0; i < n; i++) await once(order[i & 65535]);
      },
      { iterations: 1000 },
    );
  });
}

/** Percent of reads that hit where a tenth of the keys has room. */
function hits(map) {
  let found = 0;
  const reads = 400_000;
  for (const i of zipf(count, reads)) {
    if (map.get(keys[i]) !== undefined) found++;
    else map.set(keys[i], 1);
  }
  return (100 * found) / reads;
}

const forms = {
  get: () => reads(fill(new SharedMap())),
  set: () => writes(new SharedMap()),
  mapGet: () => reads(fill(new Map())),
  mapSet: () => writes(new Map()),
  lruGet: async () => reads(fill(await lru())),
  lruSet: async () => writes(await lru()),
  lmdbGet: () => lmdb((store) => reads(store, 50_000)),
  lmdbSet: () => lmdb((store) => writes({ set: (key, value) => store.putSync(key, value) }, 5000)),
  lmdbPut: () => lmdb(puts),
  redisGet: () => redis('get'),
  redisSet: () => redis('set'),
  dict,
  consume,
};
const rates = {
  hits: () => hits(new SharedMap({ maxEntries: count / 10 })),
  lruHits: async () => {
    const { LRUCache } = await import('lru-cache');
    return hits(new LRUCache({ max: count / 10 }));
  },
};
if (what in rates) report({ percent: await rates[what]() });
else report({ ns: await forms[what]() });
