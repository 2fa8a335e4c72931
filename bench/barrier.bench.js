// Barrier: rounds per second with two and with eight processes.
import { node, python } from './harness/contestant.js';

export default ['2', '8'].map((parties) => ({
  title: `Barrier: ${parties} processes`,
  unit: 'rounds per second',
  figure: 'perSecond',
  rounds: 3,
  contestants: {
    sync: node('multiproc waitSync', 'barrier.js', [parties, 'sync']),
    promise: node('multiproc await wait', 'barrier.js', [parties, 'promise']),
    python: python('CPython multiprocessing.Barrier', 'barrier.py', [parties]),
  },
  targets: [
    { text: `${parties} processes: waitSync / CPython`, atLeast: 2, of: (m) => m.sync.perSecond / m.python.perSecond },
  ],
}));
