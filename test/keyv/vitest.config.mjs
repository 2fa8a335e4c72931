// Runs the package as Node loads it, not as modules of Vite's.
export default {
  test: {
    cache: false,
    include: ['*.spec.mjs'],
    pool: 'forks',
    server: { deps: { external: [/\/(dist|node_modules)\//] } },
  },
};
