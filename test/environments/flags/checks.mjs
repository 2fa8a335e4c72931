const works = { output: ['lock true', 'child 8'] };
const plain = ['--disallow-code-generation-from-strings', '--frozen-intrinsics', '--jitless', '--disable-proto=throw'];

export default [
  ...plain.map((flag) => ({ title: flag, command: ['node', flag, 'main.js'], ...works })),
  {
    title: '--no-addons',
    command: ['node', '--no-addons', 'main.js'],
    status: 1,
    output: ['Node runs with --no-addons'],
  },
  ...[
    [20, 22, '--experimental-permission'],
    [24, Infinity, '--permission'],
  ].flatMap(([least, most, flag]) => [
    {
      title: `${flag} without --allow-addons`,
      node: [least, most],
      command: ['node', flag, '--allow-fs-read=*', 'main.js'],
      status: 1,
      output: ['it needs --allow-addons'],
    },
  ]),
  {
    title: '--permission without --allow-child-process',
    node: [24],
    command: ['node', '--permission', '--allow-fs-read=*', '--allow-addons', 'main.js'],
    status: 1,
    output: ['lock true', 'needs --allow-child-process'],
  },
];
