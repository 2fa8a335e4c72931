export default ['forks', 'threads', 'vmThreads', 'vmForks'].map((pool) => ({
  title: `the pool ${pool}`,

  command: ['vitest', 'run', `--pool=${pool}`],
  output: [/Tests +3 passed/],
}));
