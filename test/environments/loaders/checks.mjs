const output = ['spawn 8', 'forkserver 8', 'pool 10'];
/** On Node 20 tsx has its hooks in a thread of their own, which a fork does not copy. */
const withoutFork = { node: [0, 21], output: ['spawn 8', 'pool 10'], never: ['forkserver'] };

export default [
  { title: 'node -r ts-node/register', command: ['node', '-r', 'ts-node/register', 'main.ts'], output },
  { title: 'ts-node', command: ['ts-node', 'main.ts'], output },
  { title: 'node --import tsx, Node 20', command: ['node', '--import', 'tsx', 'main.ts'], ...withoutFork },
  { title: 'node --import tsx', command: ['node', '--import', 'tsx', 'main.ts'], node: [22], output },
  { title: 'tsx, Node 20', command: ['tsx', 'main.ts'], ...withoutFork },
  { title: 'tsx', command: ['tsx', 'main.ts'], node: [22], output },
  {
    title: 'ts-node registered by the program',
    command: ['node', 'by-code.cjs'],
    output: [/twice\.ts .*Its loader was registered by code .*--import or --require/],
  },
  { title: 'node -r @swc-node/register', command: ['node', '-r', '@swc-node/register', 'main.ts'], output },
];
