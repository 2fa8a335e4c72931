export default ['forks', 'threads', 'vmThreads', 'vmForks'].map((pool) => ({
  title: `the pool ${pool}`,
  node: [22],
  command: ['vitest', 'run', `--pool=${pool}`],
  output: [/Tests +3 passed/],
}));
