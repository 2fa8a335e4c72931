import commonjs from '@rollup/plugin-commonjs';
import resolve from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';

const external = process.argv.includes('external') ? ['multiproc'] : [];
const bundle = await rollup({
  input: 'app.js',
  external: (id) => id.startsWith('node:') || external.includes(id),
  plugins: [resolve({ preferBuiltins: true }), commonjs()],
  onwarn: () => {},
});
await bundle.write({ file: 'out/rollup.mjs', format: 'es', inlineDynamicImports: true });
