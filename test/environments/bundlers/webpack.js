import { fileURLToPath } from 'node:url';
import webpack from 'webpack';

webpack(
  {
    mode: 'production',
    target: 'node20',
    node: false,
    entry: './app.js',
    context: fileURLToPath(new URL('.', import.meta.url)),
    experiments: { outputModule: true },
    externals: process.argv.includes('external') ? ['multiproc'] : [],
    externalsType: 'module',
    output: {
      filename: 'webpack.mjs',
      library: { type: 'module' },
      path: fileURLToPath(new URL('out', import.meta.url)),
    },
  },
  (error, stats) => {
    if (error || stats.hasErrors()) {
      console.error(error ?? stats.toString());
      process.exitCode = 1;
    }
  },
);
