// A pool under one kind of load: `CONTESTANT LOAD`. Every contestant has two workers.
import { fileURLToPath } from 'node:url';
import { report } from './measure.js';
import { allocate, echo, nothing, spin, twice } from './pool-targets.js';

const [contestant, load] = process.argv.slice(2);
const file = fileURLToPath(new URL('pool-targets.js', import.meta.url));
const size = 2;
/** After so many ms no further round begins. */
const patience = 3000;

/** Each is `{ call(name, value), map(items), end(), sendsText }`; the last says that Buffers travel as JSON. */
const contestants = {
  multiproc: () => ours('forkserver'),
  'multiproc-spawn': () => ours('spawn'),

  async piscina() {
    const { Piscina } = await import('piscina');
    const pool = new Piscina({ filename: file, minThreads: size, maxThreads: size, maxQueue: Infinity });
    return { call: (name, value) => pool.run(value, { name }), end: () => pool.destroy() };
  },

  async tinypool() {
    const { Tinypool } = await import('tinypool');
    const pool = new Tinypool({ filename: file, runtime: 'child_process', minThreads: size, maxThreads: size });
    return { call: (name, value) => pool.run({ name, value }), end: () => pool.destroy(), sendsText: true };
  },

  workerpool: () => viaWorkerpool('process'),
  'workerpool-thread': () => viaWorkerpool('thread'),

  async poolifier() {
    const { FixedThreadPool } = await import('poolifier');
    const pool = new FixedThreadPool(size, fileURLToPath(new URL('pool-poolifier.js', import.meta.url)));
    return { call: (name, value) => pool.execute({ name, value }), end: () => pool.destroy() };
  },
};

async function ours(context) {
  const { Pool } = await import('multiproc');
  const functions = { nothing, twice, echo, spin, allocate };
  const pool = new Pool(size, { context });
  return {
    call: (name, value) => pool.apply(functions[name], value === undefined ? [] : [value]),
    map: (items) => pool.map(twice, items),
    end: () => {
      pool.terminate();
      return pool.join();
    },
  };
}

async function viaWorkerpool(workerType) {
  const { default: workerpool } = await import('workerpool');
  const script = fileURLToPath(new URL('pool-workerpool.js', import.meta.url));
  const pool = workerpool.pool(script, { minWorkers: size, maxWorkers: size, workerType });
  return {
    call: (name, value) => pool.exec(name, [value]),
    end: () => pool.terminate(),
    sendsText: workerType === 'process',
  };
}

const loads = {
  /** 20,000 calls of nothing, all in flight. */
  async flood({ call }) {
    const count = 20_000;
    const seconds = await best(4, () => all(count, () => call('nothing')));
    return { perSecond: count / seconds };
  },

  /** One after the other. */
  async roundTrip({ call }) {
    const times = [];
    for (let i = 0; i < 4000; i++) {
      const start = performance.now();
      await call('nothing');
      times.push((performance.now() - start) * 1000);
    }
    return { p50: middle(times.slice(1000)) };
  },

  /** A million integers, in chunks by Python's rule where the pool itself has none. */
  async map({ call, map }) {
    const items = Array.from({ length: 1_000_000 }, (_, i) => i);
    const chunksize = items.length / (size * 4);
    const chunks = () => all(size * 4, (i) => call('mapTwice', items.slice(i * chunksize, (i + 1) * chunksize)));
    const seconds = await best(5, () => (map === undefined ? chunks() : map(items)));
    return { perSecond: items.length / seconds };
  },

  /** Against the same work in this process, which two workers should do in half the time. */
  cpu: (pool) => speedUp(pool, 'spin', spin),
  allocation: (pool) => speedUp(pool, 'allocate', allocate),

  kib64: (pool) => buffers(pool, 64 * 1024, 1500, 64),
  mib: (pool) => buffers(pool, 1024 * 1024, 100, 16),
  /** The same with all of them in flight: a hundred MB wait for a worker. */
  kib64Flood: (pool) => buffers(pool, 64 * 1024, 1500, 1500),
};

async function speedUp({ call }, name, fn) {
  const count = 60;
  const serial = await best(3, () => {
    for (let i = 0; i < count; i++) fn(i);
  });
  const parallel = await best(3, () => all(count, (i) => call(name, i)));
  return { speedUp: serial / parallel, perSecond: count / parallel };
}

// As many in flight as in the queue that they are compared with.
async function buffers({ call, sendsText }, bytes, calls, inFlight) {
  const buffer = Buffer.alloc(bytes, 1);
  // As text a byte takes two to four, and a second for what others do in some milliseconds.
  const count = sendsText ? Math.ceil(calls / 50) : calls;
  // The first rounds pay for memory that is used again afterwards.
  const seconds = await best(8, () => lanes(inFlight, count, () => call('echo', buffer)));
  return { perSecond: count / seconds };
}

/** So many calls at any time, until there were `count`. */
function lanes(width, count, start) {
  let left = count;
  return all(width, async () => {
    while (left-- > 0) await start();
  });
}

function all(count, start) {
  return Promise.all(Array.from({ length: count }, (_, i) => start(i)));
}

/** In seconds. Some pools are slow at some loads: those have two rounds. */
async function best(rounds, run) {
  const begin = performance.now();
  let least = Infinity;
  for (let i = 0; i < rounds && (i < 2 || performance.now() - begin < patience); i++) {
    const start = performance.now();
    await run();
    least = Math.min(least, (performance.now() - start) / 1000);
  }
  return least;
}

function middle(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

const pool = await contestants[contestant]();
await all(50, () => pool.call('nothing'));
const figures = await loads[load](pool);
await pool.end();
report(figures);
