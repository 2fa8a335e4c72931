export default [
  {
    title: 'synchronisation, shared memory and queues work; processes are refused',
    command: ['bun', 'main.js'],
    output: ['lock works', 'value 3', 'array 2', 'event true', 'queue text', /this is Bun .* need Node/],
  },
];
