export default [
  {
    title: 'synchronisation, shared memory and queues work; processes are refused',
    command: ['deno', 'run', '-A', 'main.js'],
    output: ['lock works', 'value 3', 'array 2', 'event true', 'queue text', /this is Deno .* need Node/],
  },
];
