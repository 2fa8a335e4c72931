// Process: how soon a child works, what starting and joining one costs, and the memory of one that is idle.
import { node, python } from './harness/contestant.js';

/** Children of two at a time, so that no CPU is idle: what they take is what they cost. */
const work = (kind, what, targets = (ratio) => [{ text: `${what}: spawned / forked`, atLeast: 0.9, of: ratio }]) => ({
  title: `Process: ${what}, two children at a time`,
  unit: 'ms',
  figure: 'ms',
  rounds: 3,
  contestants: {
    forkserver: node('multiproc, forkserver', 'process-work.js', ['forkserver', kind, '2']),
    spawn: node('multiproc, spawn', 'process-work.js', ['spawn', kind, '2']),
  },
  targets: targets((m) => m.spawn.ms / m.forkserver.ms),
});

export default [
  {
    title: 'Process: from start() to the first line of the target',
    unit: 'ms',
    figure: 'first',
    rounds: 3,
    contestants: {
      fork: node('child_process.fork, to its first line', 'process-node.js', ['30']),
      forkserver: node('multiproc, forkserver, target preloaded', 'process-start.js', ['forkserver', '30', 'preload']),
      unloaded: node('multiproc, forkserver', 'process-start.js', ['forkserver', '30']),
      spawn: node('multiproc, spawn', 'process-start.js', ['spawn', '30']),
      pyForkserver: python('CPython, forkserver', 'process_start.py', ['forkserver', '30']),
      pySpawn: python('CPython, spawn', 'process_start.py', ['spawn', '30']),
    },
    targets: [
      { text: 'forkserver, target preloaded, ms', atMost: 6, of: (m) => m.forkserver.first },
      {
        text: 'forkserver, target preloaded / child_process.fork',
        atMost: 0.25,
        of: (m) => m.forkserver.first / m.fork.first,
      },
      {
        text: 'forkserver, target preloaded / CPython forkserver',
        atMost: 1,
        of: (m) => m.forkserver.first / m.pyForkserver.first,
      },
    ],
  },
  {
    title: 'Process: start and join of an empty target, 200 in a row',
    unit: 'ms per child',
    figure: 'each',
    rounds: 3,
    contestants: {
      fork: node('child_process.fork and its end', 'process-node.js', ['200']),
      forkserver: node('multiproc, forkserver, target preloaded', 'process-start.js', ['forkserver', '200', 'preload']),
      spawn: node('multiproc, spawn', 'process-start.js', ['spawn', '200']),
      pyForkserver: python('CPython, forkserver', 'process_start.py', ['forkserver', '200']),
      pySpawn: python('CPython, spawn', 'process_start.py', ['spawn', '200']),
    },
    targets: [{ text: 'forkserver, ms per child', atMost: 6, of: (m) => m.forkserver.each }],
  },
  {
    title: 'Process: memory of an idle child',
    unit: 'MB of its own share (PSS), mean of 8',
    figure: 'pss',
    rounds: 1,
    contestants: {
      spawn: node('multiproc, spawn', 'process-memory.js', ['spawn', '8']),
      forkserver: node('multiproc, forkserver', 'process-memory.js', ['forkserver', '8']),
    },
    targets: [{ text: 'forkserver, MB', atMost: 12, of: (m) => m.forkserver.pss }],
  },
  work('calls', 'a small function called often'),
  work('loop', 'one long loop'),
  work('garbage', 'objects that die young'),
  work('heap', 'a large heap'),
  work('wasm', 'WebAssembly'),
  work('sources', 'thousands of functions', (ratio) => [
    { text: 'thousands of functions: spawned / forked (stated)', atLeast: 0, of: ratio },
  ]),
];
