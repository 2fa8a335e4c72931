// Pool: calls in flight, round trips, maps, Buffers, and forked against spawned workers; two workers everywhere.
// The other packages are development dependencies of this one; bench/programs/pool.js says how each is made.
import { readFileSync } from 'node:fs';
import { node, python } from './harness/contestant.js';

/** Which others are measured, and how each is made. */
export function about() {
  const lines = [
    ['piscina', 'minThreads 2, maxThreads 2, maxQueue Infinity'],
    ['tinypool', "runtime 'child_process', minThreads 2, maxThreads 2"],
    ['workerpool', "minWorkers 2, maxWorkers 2, workerType 'process' and 'thread'"],
    ['poolifier', 'FixedThreadPool of 2, options by default'],
  ].map(([name, options]) => `${name} ${versionOf(name)}: ${options}`);
  const text = "tinypool and workerpool's processes send Buffers as JSON: of those, they get a fiftieth of the calls.";
  return ['Every pool has two workers.', ...lines, text].join('\n');
}

function versionOf(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

/** A pool of another package. That it fails now and then is no failure of this benchmark. */
function other(label, name, load) {
  return { ...node(label, 'pool.js', [name, load]), mayFail: true };
}

const pools = (load) => ({
  ours: node('multiproc Pool', 'pool.js', ['multiproc', load]),
  piscina: other('piscina, threads', 'piscina', load),
  tinypool: other('tinypool, processes', 'tinypool', load),
  workerpool: other('workerpool, processes', 'workerpool', load),
  workerpoolThread: other('workerpool, threads', 'workerpool-thread', load),
  poolifier: other('poolifier, threads', 'poolifier', load),
});

const best = (m, figure) =>
  Math.max(...Object.entries(m).map(([name, one]) => (name === 'ours' ? 0 : (one?.[figure] ?? 0))));

export default [
  {
    title: 'Pool: 20,000 calls of an empty function, all in flight',
    unit: 'calls per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: { ...pools('flood'), python: python('CPython Pool.apply_async', 'pool.py', ['flood']) },
    targets: [
      { text: 'calls/s', atLeast: 200_000, of: (m) => m.ours.perSecond },
      { text: 'against the best of the others', atLeast: 4, of: (m) => m.ours.perSecond / best(m, 'perSecond') },
    ],
  },
  {
    title: 'Pool: one call after the other',
    unit: 'µs, median',
    figure: 'p50',
    rounds: 3,
    contestants: { ...pools('roundTrip'), python: python('CPython Pool.apply', 'pool.py', ['roundTrip']) },
    targets: [{ text: 'round trip, µs', atMost: 20, of: (m) => m.ours.p50 }],
  },
  {
    title: 'Pool: map of a trivial function over 1,000,000 integers',
    unit: 'items per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: { ...pools('map'), python: python('CPython Pool.map', 'pool.py', ['map']) },
    targets: [{ text: 'items/s', atLeast: 20_000_000, of: (m) => m.ours.perSecond }],
  },
  ...['cpu', 'allocation'].map((load) => ({
    title: `Pool: forked and spawned workers, ${load === 'cpu' ? 'work for the processor' : 'many small objects'}`,
    unit: 'times as fast as one process',
    figure: 'speedUp',
    rounds: 3,
    contestants: {
      ours: node('forkserver', 'pool.js', ['multiproc', load]),
      spawn: node('spawn', 'pool.js', ['multiproc-spawn', load]),
    },
    targets: [
      { text: 'forked / spawned', atLeast: 0.9, of: (m) => m.ours.perSecond / m.spawn.perSecond },
      ...(load === 'cpu' ? [{ text: 'speed-up on two cores', atLeast: 1.9, of: (m) => m.ours.speedUp }] : []),
    ],
  })),
  ...[
    ['kib64', '64 KiB', 64, ['kib64', 'sync', '20000', '64', '1', '1']],
    ['mib', '1 MiB', 16, ['mib', 'sync', '2000', '16', '1', '1']],
  ].map(([load, size, inFlight, flow]) => ({
    title: `Pool: Buffers of ${size}, there and back, ${inFlight} in flight as in the queue`,
    unit: 'calls per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: {
      ...pools(load),
      queue: node('multiproc Queue, one way', 'queue-flow.js', flow),
      python: python('CPython Pool', 'pool.py', [load]),
    },
    targets: [
      {
        text: 'bytes both ways, against the queue',
        atLeast: 0.5,
        of: (m) => (2 * m.ours.perSecond) / m.queue.perSecond,
      },
    ],
  })),
  {
    title: 'Pool: Buffers of 64 KiB, there and back, all in flight (1,500; 500 of CPython)',
    unit: 'calls per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: { ...pools('kib64Flood'), python: python('CPython Pool', 'pool.py', ['kib64Flood']) },
    targets: [],
  },
  {
    title: 'Pool: from new Pool(2) to the first result, the fork server running',
    unit: 'ms',
    figure: 'ms',
    rounds: 3,
    contestants: { ours: node('multiproc Pool', 'pool-first.js') },
    targets: [{ text: 'ms', atMost: 40, of: (m) => m.ours.ms }],
  },
  {
    title: 'Pool: new Pool(200), the fork server running',
    unit: 'ms in the constructor',
    figure: 'ms',
    rounds: 3,
    contestants: { ours: node('multiproc Pool', 'pool-large.js') },
    targets: [{ text: 'ms', atMost: 20, of: (m) => m.ours.ms }],
  },
];
