const output = ['spawn 8', 'forkserver 8', 'pool 10'];

export default [
  { title: 'node -r ts-node/register', command: ['node', '-r', 'ts-node/register', 'main.ts'], output },
  { title: 'ts-node', command: ['ts-node', 'main.ts'], output },
  { title: 'node --import tsx', command: ['node', '--import', 'tsx', 'main.ts'], output },
  { title: 'tsx', command: ['tsx', 'main.ts'], output },
  { title: 'node -r @swc-node/register', command: ['node', '-r', '@swc-node/register', 'main.ts'], output },
];
