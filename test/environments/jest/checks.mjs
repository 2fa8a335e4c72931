const [both, esm] = [['Tests:       4 passed'], ['Tests:       2 passed']];

export default [
  {
    title: 'CommonJS, two files in one thread',
    command: ['jest', '--runInBand', 'work.test.js', 'second.test.js'],
    output: both,
    never: ['did not exit'],
  },
  {
    title: 'ES modules by --experimental-vm-modules',
    command: ['jest', 'work.test.mjs'],
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    output: esm,
    never: ['did not exit'],
  },
  { title: 'with coverage', command: ['jest', '--coverage', 'work.test.js'], output: esm },
];
