// Listener: what a client with the key waits beside many that never prove it.
import { node } from './harness/contestant.js';

export default [
  {
    title: 'Listener: a client with the key connects, beside 1,000 that never prove it',
    unit: 'ms, median',
    figure: 'ms',
    rounds: 3,
    contestants: {
      alone: node('alone', 'listener.js', ['0']),
      silent: node('beside 1,000 silent ones', 'listener.js', ['1000', 'silent']),
      half: node('beside 1,000 with half a frame', 'listener.js', ['1000', 'half']),
      dripping: node('beside 1,000 that send a byte each second', 'listener.js', ['1000', 'dripping']),
    },
    targets: [
      { text: 'silent, ms', atMost: 100, of: (m) => m.silent.ms },
      { text: 'half a frame, ms', atMost: 100, of: (m) => m.half.ms },
      { text: 'dripping, ms', atMost: 100, of: (m) => m.dripping.ms },
    ],
  },
];
