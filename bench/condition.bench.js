// Condition: two processes take turns, each notifies the other and waits for its turn.
import { c, node, python } from './harness/contestant.js';
import { onOneCpu } from './harness/one-cpu.js';

const contestants = {
  sync: node('multiproc notify + waitSync', 'hand-over.js', ['condition', 'sync']),
  promise: node('multiproc notify + await wait', 'hand-over.js', ['condition', 'promise']),
  python: python('CPython multiprocessing.Condition', 'hand_over.py', ['condition']),
  floor: c('C bare futex', 'ping-pong.c'),
};

export default [
  {
    title: 'Condition: taking turns',
    unit: 'µs from one process to the other',
    figure: 'us',
    contestants,
    targets: [{ text: 'waitSync / CPython', atMost: 0.5, of: (m) => m.sync.us / m.python.us }],
  },
  {
    title: 'Condition: the same on one CPU, where nobody looks before sleeping',
    unit: 'µs from one process to the other',
    figure: 'us',
    contestants: onOneCpu(contestants),
    targets: [
      { text: 'one CPU: waitSync / CPython', atMost: 0.5, of: (m) => m.sync.us / m.python.us },
      { text: 'one CPU: waitSync / C bare futex', atMost: 1.5, of: (m) => m.sync.us / m.floor.us },
    ],
  },
];
