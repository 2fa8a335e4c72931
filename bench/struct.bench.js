// Structs in shared memory: changing one field of each, beside the same loops over a Float64Array.
import { node } from './harness/contestant.js';

export default [
  {
    title: 'SharedArray(Struct): a[i].x += 1 over 1,000,000 structs',
    unit: 'ns per element',
    figure: 'ns',
    contestants: {
      plain: node('Float64Array, a[i] += 1', 'struct-fields.js', ['plain']),
      strided: node('Float64Array, a[2 * i] += 1', 'struct-fields.js', ['strided']),
      objects: node('ordinary { x, y }, a[i].x += 1', 'struct-fields.js', ['objects']),
      minimal: node('a least class over a Float64Array, a[i].x += 1', 'struct-fields.js', ['minimal']),
      index: node('multiproc, a[i].x += 1', 'struct-fields.js', ['index']),
      at: node('multiproc, a.at(i).x += 1', 'struct-fields.js', ['at']),
      buffer: node('multiproc, new Float64Array(a.buffer)[2 * i] += 1', 'struct-fields.js', ['buffer']),
    },
    targets: [
      { text: 'a[i].x / Float64Array', atMost: 1.5, of: (m) => m.index.ns / m.plain.ns },
      { text: 'a.at(i).x / Float64Array', atMost: 1.5, of: (m) => m.at.ns / m.plain.ns },
      { text: 'a.buffer / Float64Array', atMost: 1.5, of: (m) => m.buffer.ns / m.plain.ns },
    ],
  },
];
