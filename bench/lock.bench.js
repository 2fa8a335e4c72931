// Lock: alone, against another process, with many waits pending, and after its owner was killed.
import { c, node, python } from './harness/contestant.js';

export default [
  {
    title: 'Lock: acquire and release while nobody else wants it',
    unit: 'ns per pair',
    figure: 'ns',
    contestants: {
      bare: node('compareExchange twice, bare', 'cas-pair.js'),
      try: node('multiproc tryAcquire + release', 'lock-pair.js', ['try']),
      sync: node('multiproc acquireSync + release', 'lock-pair.js', ['sync']),
      promise: node('multiproc await acquire + release', 'lock-pair.js', ['promise']),
      floor: node('await of a resolved promise', 'promise.js'),
      python: python('CPython multiprocessing.Lock', 'lock_pair.py'),
      cCas: c('C compare-and-swap twice', 'pair.c', ['cas']),
      cMutex: c('C robust process-shared mutex', 'pair.c', ['mutex']),
      ipc: node('Node IPC, a lock kept by the parent', 'ipc-lock.js'),
    },
    targets: [
      { text: 'tryAcquire + release / bare pair', atMost: 1.3, of: (m) => m.try.ns / m.bare.ns },
      { text: 'acquireSync + release / bare pair', atMost: 1.3, of: (m) => m.sync.ns / m.bare.ns },
      { text: 'tryAcquire + release / CPython', atMost: 0.5, of: (m) => m.try.ns / m.python.ns },
      { text: 'acquireSync + release / CPython', atMost: 0.5, of: (m) => m.sync.ns / m.python.ns },
      { text: 'await acquire + release, ns', atMost: 150, of: (m) => m.promise.ns },
    ],
  },
  {
    title: 'Lock: two processes contend, about 100 ns of work inside and 100 ns outside',
    unit: 'sections per second',
    figure: 'perSecond',
    rounds: 3,
    contestants: {
      ours: node('multiproc Lock', 'contended.js'),
      python: python('CPython multiprocessing.Lock', 'contended.py'),
      cMutex: c('C robust process-shared mutex', 'contended.c'),
    },
    targets: [
      { text: 'throughput / CPython', atLeast: 5, of: (m) => m.ours.perSecond / m.python.perSecond },
      { text: 'throughput / C robust mutex', atLeast: 0.5, of: (m) => m.ours.perSecond / m.cMutex.perSecond },
      { text: 'smaller share of the two processes, %', atLeast: 30, of: (m) => m.ours.smallerShare },
      { text: 'the total is exact (1 = yes)', atLeast: 1, of: (m) => Number(m.ours.exact) },
    ],
  },
  {
    title: 'Lock: 200 pending acquires on 200 held locks',
    unit: 'fs.readFile µs with a libuv pool of one thread',
    figure: 'readFile',
    rounds: 3,
    contestants: {
      idle: node('nothing pending', 'pending.js', ['0'], { env: { UV_THREADPOOL_SIZE: '1' } }),
      pending: node('200 pending', 'pending.js', ['200'], { env: { UV_THREADPOOL_SIZE: '1' } }),
      plain: node('200 pending, without futex_waitv', 'pending.js', ['200'], {
        env: { UV_THREADPOOL_SIZE: '1', MULTIPROC_NO_WAITV: '1' },
      }),
    },
    targets: [
      { text: 'readFile pending / idle', atMost: 1.25, of: (m) => m.pending.readFile / m.idle.readFile },
      { text: 'threads for the waits', atMost: 2, of: (m) => m.pending.threads },
      { text: 'CPU while waiting, %', atMost: 0.1, of: (m) => m.pending.cpu - m.idle.cpu },
      { text: 'threads without futex_waitv', atMost: 1, of: (m) => m.plain.threads },
      { text: 'CPU while waiting without futex_waitv, %', atMost: 0.5, of: (m) => m.plain.cpu - m.idle.cpu },
    ],
  },
  {
    title: 'Lock: takeover after SIGKILL of the owner',
    unit: 'µs from the kill to the next owner, p50 of 200 kills',
    figure: 'p50',
    rounds: 1,
    contestants: {
      sync: node('acquireSync', 'takeover.js', ['sync', '200']),
      promise: node('await acquire', 'takeover.js', ['promise', '200']),
      plain: node('acquireSync, without futex_waitv', 'takeover.js', ['sync', '200'], {
        env: { MULTIPROC_NO_WAITV: '1' },
      }),
    },
    targets: [
      { text: 'p99, µs', atMost: 1000, of: (m) => m.sync.p99 },
      { text: 'p99 of the promise form, µs', atMost: 1000, of: (m) => m.promise.p99 },
      { text: 'p99 without futex_waitv, µs', atMost: 60_000, of: (m) => m.plain.p99 },
    ],
  },
];
