export default [
  { title: 'node --test', command: ['node', '--test', 'tests/node.test.mjs'], output: [/pass 1\b/, /fail 0/] },
  { title: 'a guarded file', command: ['node', '--test', 'tests/guarded.test.mjs'], output: [/pass 1\b/, /fail 0/] },
  { title: 'mocha', command: ['mocha', '--timeout', '30000', 'tests/mocha.spec.mjs'], output: ['1 passing'] },
  { title: 'ava', command: ['ava', '--timeout=30s', 'tests/ava.test.mjs'], output: ['1 test passed'] },
  {
    title: 'tap',
    command: ['tap', 'run', '--allow-incomplete-coverage', '--disable-coverage', 'tests/tap.test.mjs'],
    output: [/# \{ total: \d, pass: \d \}/],
    never: ['not ok'],
  },
  { title: 'jasmine', command: ['jasmine', 'tests/jasmine.spec.mjs'], output: ['1 spec, 0 failures'] },
  {
    title: 'mocha under nyc',
    command: ['nyc', 'mocha', '--timeout', '30000', 'tests/mocha.spec.mjs'],
    output: ['1 passing'],
  },
  {
    title: 'mocha under c8, which sees the code of children',
    command: ['c8', 'mocha', '--timeout', '30000', 'tests/mocha.spec.mjs'],
    output: ['1 passing', /work\.mjs +\| +100/],
  },
];
