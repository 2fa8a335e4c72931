export default [
  {
    title: 'sinon: waits, children and pools keep real time',
    command: ['node', 'main.js'],
    output: ['all waits ended'],
  },
];
