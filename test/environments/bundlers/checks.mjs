const refused = {
  status: 'failure',
  output: ['multiproc cannot be bundled: mark it as external', 'docs/environments.md'],
};
const works = { output: ['lock true', 'child 8'] };
const esbuild = ['esbuild', 'app.js', '--bundle', '--platform=node', '--format=esm', '--log-level=error'];

export default [
  {
    title: 'esbuild',
    before: [[...esbuild, '--outfile=out/esbuild.mjs']],
    command: ['node', 'out/esbuild.mjs'],
    ...refused,
  },
  {
    title: 'esbuild, external',
    before: [[...esbuild, '--external:multiproc', '--outfile=out/esbuild.mjs']],
    command: ['node', 'out/esbuild.mjs'],
    ...works,
  },
  { title: 'webpack', before: [['node', 'webpack.js']], command: ['node', 'out/webpack.mjs'], ...refused },
  {
    title: 'webpack, external',
    before: [['node', 'webpack.js', 'external']],
    command: ['node', 'out/webpack.mjs'],
    ...works,
  },
  { title: 'rollup', before: [['node', 'rollup.js']], command: ['node', 'out/rollup.mjs'], ...refused },
  {
    title: 'rollup, external',
    before: [['node', 'rollup.js', 'external']],
    command: ['node', 'out/rollup.mjs'],
    ...works,
  },
  { title: 'vite --ssr', before: [['node', 'vite.js']], command: ['node', 'out/vite/app.mjs'], ...refused },
  {
    title: 'vite --ssr, external',
    before: [['node', 'vite.js', 'external']],
    command: ['node', 'out/vite/app.mjs'],
    ...works,
  },
  {
    title: 'ncc',
    before: [['ncc', 'build', 'app.js', '-o', 'out/ncc', '-q']],
    command: ['node', 'out/ncc/index.js'],
    ...refused,
  },
  {
    title: 'ncc, external',
    before: [['ncc', 'build', 'app.js', '-o', 'out/ncc', '-q', '-e', 'multiproc']],
    command: ['node', 'out/ncc/index.js'],
    ...works,
  },
];
