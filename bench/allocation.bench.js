// Anonymous values: what making one costs, in time and in shared memory.
import { node, python } from './harness/contestant.js';

export default [
  {
    title: 'Value: made and dropped',
    unit: 'µs',
    figure: 'us',
    contestants: {
      value: node("multiproc new Value('i').close()", 'value-make.js', ['value']),
      raw: node("multiproc new RawValue('i').close()", 'value-make.js', ['raw']),
      struct: node('multiproc new Value(Struct).close()', 'value-make.js', ['struct']),
      python: python("CPython Value('i')", 'value_make.py', ['value']),
      pythonRaw: python("CPython RawValue('i')", 'value_make.py', ['raw']),
    },
    targets: [{ text: 'Value made and dropped, µs', atMost: 5, of: (m) => m.value.us }],
  },
  {
    title: 'Value: shared memory for 100,000 of them',
    unit: 'MiB',
    figure: 'mib',
    rounds: 1,
    contestants: { value: node("multiproc Value('i')", 'value-make.js', ['live']) },
    targets: [{ text: '100,000 values, MiB', atMost: 16, of: (m) => m.value.mib }],
  },
];
