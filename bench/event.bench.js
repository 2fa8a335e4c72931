// Event: one process sets it, another one that waits goes on.
import { c, node, python } from './harness/contestant.js';
import { onOneCpu } from './harness/one-cpu.js';

const contestants = {
  sync: node('multiproc set + waitSync', 'hand-over.js', ['event', 'sync']),
  promise: node('multiproc set + await wait', 'hand-over.js', ['event', 'promise']),
  python: python('CPython multiprocessing.Event', 'hand_over.py', ['event']),
  floor: c('C bare futex', 'ping-pong.c'),
};

export default [
  {
    title: 'Event: hand-over from set() to wait()',
    unit: 'µs from one process to the other',
    figure: 'us',
    contestants,
    targets: [{ text: 'waitSync / CPython', atMost: 0.5, of: (m) => m.sync.us / m.python.us }],
  },
  {
    title: 'Event: the same on one CPU, where nobody looks before sleeping',
    unit: 'µs from one process to the other',
    figure: 'us',
    contestants: onOneCpu(contestants),
    targets: [
      { text: 'one CPU: waitSync / CPython', atMost: 0.5, of: (m) => m.sync.us / m.python.us },
      { text: 'one CPU: waitSync / C bare futex', atMost: 1.5, of: (m) => m.sync.us / m.floor.us },
    ],
  },
];
