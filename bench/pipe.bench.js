// Pipe: a round trip between two processes, looking before they sleep, on one CPU, and after a rest.
import { c, node, python } from './harness/contestant.js';

export default [
  {
    title: 'Pipe: ping-pong of small integers between two processes',
    unit: 'µs per round trip, median',
    figure: 'p50',
    rounds: 5,
    contestants: {
      ours: node('multiproc Pipe, sendSync and recvSync', 'pipe.js', ['sync']),
      promise: node('multiproc Pipe, send and await recv', 'pipe.js', ['promise']),
      oneCpu: node('multiproc Pipe, both on one CPU', 'pipe.js', ['sync', 'one-cpu']),
      python: python('CPython multiprocessing.Pipe', 'pipe.py'),
      ipc: node('Node IPC', 'pipe-ipc.js'),
      futex: c('C bare futex, there and back', 'round-trip.c', ['0']),
    },
    targets: [
      { text: 'p50, µs', atMost: 2, of: (m) => m.ours.p50 },
      { text: 'p99, µs (stated)', atMost: Infinity, of: (m) => m.ours.p99 },
      { text: 'p50 / CPython', atMost: 0.1, of: (m) => m.ours.p50 / m.python.p50 },
      { text: 'p50 on one CPU, µs', atMost: 10, of: (m) => m.oneCpu.p50 },
    ],
  },
  {
    title: 'Pipe: a round trip after both sides slept for 10 ms',
    unit: 'µs, median',
    figure: 'p50',
    rounds: 5,
    contestants: {
      ours: node('multiproc Pipe, sendSync and recvSync', 'pipe.js', ['rest']),
      python: python('CPython multiprocessing.Pipe', 'pipe.py', ['rest']),
      futex: c('C bare futex, there and back', 'round-trip.c', ['10']),
    },
    targets: [{ text: 'p50 / C bare futex', atMost: 1.3, of: (m) => m.ours.p50 / m.futex.p50 }],
  },
];
