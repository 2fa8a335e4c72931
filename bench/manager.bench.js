// Managers: a dict in a server process, asked through a proxy: one call at a time, and 64 in flight from one client.
import { node, python } from './harness/contestant.js';
import { onOneCpu } from './harness/one-cpu.js';

const oneAtATime = {
  ours: node('multiproc, await dict.get', 'manager.js', ['promise']),
  sync: node('multiproc, dict.sync.get', 'manager.js', ['sync']),
  python: python('CPython Manager', 'manager.py'),
};

export default [
  {
    title: 'Manager: dict.get through a proxy, one at a time',
    unit: 'µs per call, median',
    figure: 'p50',
    rounds: 5,
    contestants: { ...oneAtATime, pipe: node('multiproc Pipe, a bare round trip', 'pipe.js', ['sync']) },
    targets: [
      { text: 'promise, p50, µs', atMost: 15, of: (m) => m.ours.p50 },
      { text: 'sync, p50, µs', atMost: 15, of: (m) => m.sync.p50 },
      { text: 'promise / CPython', atMost: 0.3, of: (m) => m.ours.p50 / m.python.p50 },
    ],
  },
  {
    title: 'Manager: dict.get through a proxy, one at a time, on one CPU',
    unit: 'µs per call, median',
    figure: 'p50',
    rounds: 3,
    contestants: onOneCpu(oneAtATime),
  },
  {
    title: 'Manager: dict.get through a proxy, 64 in flight from one client',
    unit: 'calls per second',
    figure: 'perSecond',
    rounds: 5,
    contestants: {
      ours: node('multiproc, 64 promises', 'manager.js', ['flight']),
      tcp: node('multiproc, 64 promises, TCP', 'manager.js', ['flight', 'tcp']),
      python: python('CPython Manager, one after the other', 'manager.py'),
    },
    targets: [{ text: 'calls/s', atLeast: 150_000, of: (m) => m.ours.perSecond }],
  },
];
