import { build } from 'vite';

const isExternal = process.argv.includes('external');
await build({
  logLevel: 'error',
  configFile: false,
  ssr: isExternal ? {} : { noExternal: true },
  build: {
    ssr: 'app.js',
    outDir: 'out/vite',
    target: 'es2022',
    rollupOptions: { output: { entryFileNames: 'app.mjs' } },
  },
});
