const options = [
  '--noEmit',
  '--strict',
  '--target',
  'es2022',
  '--lib',
  'es2022',
  '--types',
  'node',
  '--skipLibCheck',
  'false',
];
const modes = [
  ['node16', 'node16', 'main.mts'],
  ['node16', 'node16', 'main.cts'],
  ['nodenext', 'nodenext', 'main.cts'],
  ['bundler', 'esnext', 'main.ts'],
  ['node16', 'node18', 'main.cts'],
];

export default modes.map(([resolution, module, file, ...more]) => ({
  title: `${file}, module ${module}, moduleResolution ${resolution}`,
  command: [
    'tsc',
    ...options,
    '--exactOptionalPropertyTypes',
    '--moduleResolution',
    resolution,
    '--module',
    module,
    ...more,
    file,
  ],
}));
