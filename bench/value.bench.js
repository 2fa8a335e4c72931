// Value: adding to a shared number.
import { c, node, python } from './harness/contestant.js';

export default [
  {
    title: 'Value: add to a shared integer',
    unit: 'ns',
    figure: 'ns',
    contestants: {
      bare: node('Atomics.add on a SharedArrayBuffer', 'value-add.js', ['bare']),
      int32: node("multiproc Value('i').add", 'value-add.js', ['i']),
      numbers: node("multiproc Value('q', { numbers }).add", 'value-add.js', ['numbers']),
      bigint: node("multiproc Value('q').add, bigint", 'value-add.js', ['q']),
      double: node("multiproc Value('d').update", 'value-add.js', ['update']),
      python: python('CPython Value: with get_lock(): value += 1', 'value_add.py'),
      c: c('C atomic_fetch_add', 'add.c'),
    },
    targets: [{ text: "Value('i').add / Atomics.add", atMost: 1.3, of: (m) => m.int32.ns / m.bare.ns }],
  },
];
