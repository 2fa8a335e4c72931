// A map of 10,000 keys: reads and writes of one process. `WHAT FORM`
import { Manager, RateLimiter, SharedMap } from 'multiproc';
import { nanoseconds, report } from './measure.js';

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

function writes(map) {
  return nanoseconds((n) => {
    for (let i = 0; i < n; i++) map.set(order[i & 65535], value);
  });
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

const forms = {
  get: () => reads(fill(new SharedMap())),
  set: () => writes(new SharedMap()),
  mapGet: () => reads(fill(new Map())),
  mapSet: () => writes(new Map()),
  dict,
  consume,
};
report({ ns: await forms[what]() });
