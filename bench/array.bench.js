// SharedArray: reading and writing elements.
import { c, node, python } from './harness/contestant.js';

export default [
  {
    title: 'SharedArray: read, change and write each element',
    unit: 'ns per element',
    figure: 'ns',
    contestants: {
      plain: node('Float64Array', 'array-elements.js', ['plain']),
      ours: node("multiproc SharedArray('d')", 'array-elements.js', ['shared']),
      raw: node("multiproc RawArray('d')", 'array-elements.js', ['raw']),
      python: python("CPython RawArray('d')", 'array_elements.py'),
      c: c('C double[]', 'elements.c'),
    },
    targets: [{ text: 'SharedArray / Float64Array', atMost: 1.05, of: (m) => m.ours.ns / m.plain.ns }],
  },
];
