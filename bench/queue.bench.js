// Queue: how many messages a second pass from producers to consumers, each a process of its own.
import { node, python } from './harness/contestant.js';

const bare = (kind, count, slots) => ({
  bare: node('a bare ring in JS, without locks, between threads', 'bare-ring.js', [kind, count, slots].map(String)),
});

const flow = (title, kind, counts, targets, maxsize = 0) => ({
  title: `Queue: ${title}, 1 → 1`,
  unit: 'messages per second',
  figure: 'perSecond',
  rounds: 3,
  contestants: {
    sync: node('multiproc putSync, getSync', 'queue-flow.js', [kind, 'sync', counts.ours, maxsize, 1, 1].map(String)),
    promise: node(
      'multiproc await put, await get',
      'queue-flow.js',
      [kind, 'promise', counts.ours, maxsize, 1, 1].map(String),
    ),
    ...(maxsize > 0 ? bare(kind, counts.ours, maxsize) : {}),
    port: node('MessagePort between threads', 'port-flow.js', [kind, counts.port].map(String)),
    ipc: node('Node IPC, advanced', 'ipc-flow.js', [kind, counts.slow].map(String)),
    python: python('CPython Queue', 'queue_flow.py', [kind, 'Queue', counts.slow, 1, 1].map(String)),
    simple: python('CPython SimpleQueue', 'queue_flow.py', [kind, 'SimpleQueue', counts.slow, 1, 1].map(String)),
  },
  targets,
});

export default [
  flow('small integers', 'integer', { ours: 5_000_000, port: 1_000_000, slow: 100_000 }, [
    { text: 'sync, messages/s', atLeast: 5_000_000, of: (m) => m.sync.perSecond },
    { text: 'awaiting each, messages/s', atLeast: 1_000_000, of: (m) => m.promise.perSecond },
    { text: 'sync / CPython Queue', atLeast: 20, of: (m) => m.sync.perSecond / m.python.perSecond },
    { text: 'sync / Node IPC', atLeast: 20, of: (m) => m.sync.perSecond / m.ipc.perSecond },
    { text: 'sync / MessagePort', atLeast: 4, of: (m) => m.sync.perSecond / m.port.perSecond },
  ]),
  flow('strings of 100 bytes', 'text', { ours: 2_000_000, port: 1_000_000, slow: 100_000 }, [
    { text: 'sync, messages/s', atLeast: 2_500_000, of: (m) => m.sync.perSecond },
  ]),
  flow(
    'Buffers of 1 KiB',
    'kib',
    { ours: 1_000_000, port: 300_000, slow: 50_000 },
    [
      { text: 'sync, messages/s', atLeast: 1_500_000, of: (m) => m.sync.perSecond },
      { text: 'sync / bare ring (stated)', atLeast: 0, of: (m) => m.sync.perSecond / m.bare.perSecond },
    ],
    1000,
  ),
  flow(
    'Buffers of 64 KiB',
    'kib64',
    { ours: 100_000, port: 50_000, slow: 10_000 },
    [
      { text: 'sync, messages/s', atLeast: 100_000, of: (m) => m.sync.perSecond },
      { text: 'sync / bare ring (stated)', atLeast: 0, of: (m) => m.sync.perSecond / m.bare.perSecond },
    ],
    64,
  ),
  flow(
    'Buffers of 1 MiB',
    'mib',
    { ours: 8000, port: 3000, slow: 1000 },
    [
      { text: 'sync, messages/s', atLeast: 8000, of: (m) => m.sync.perSecond },
      { text: 'sync / bare ring (stated)', atLeast: 0, of: (m) => m.sync.perSecond / m.bare.perSecond },
    ],
    16,
  ),
  {
    title: 'Queue: small integers, 4 → 4',
    unit: 'messages per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: {
      sync: node('multiproc putSync, getSync', 'queue-flow.js', ['integer', 'sync', '4000000', '0', '4', '4']),
      python: python('CPython Queue', 'queue_flow.py', ['integer', 'Queue', '100000', '4', '4']),
    },
    targets: [{ text: 'sync, messages/s', atLeast: 2_500_000, of: (m) => m.sync.perSecond }],
  },
  {
    title: 'Queue: waiting for ten seconds while nothing comes',
    unit: '% of a CPU',
    figure: 'percent',
    rounds: 3,
    contestants: {
      sync: node('multiproc getSync', 'queue-idle.js', ['sync']),
      promise: node('multiproc await get', 'queue-idle.js', ['promise']),
      nothing: node('Node, no wait', 'queue-idle.js', ['nothing']),
    },
    targets: [
      { text: 'getSync, more %', atMost: 0.5, of: (m) => m.sync.percent - m.nothing.percent },
      { text: 'await get, more %', atMost: 0.5, of: (m) => m.promise.percent - m.nothing.percent },
    ],
  },
];
