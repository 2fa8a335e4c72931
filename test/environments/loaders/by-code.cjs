require('ts-node').register();
const { isMainProcess, Process } = require('multiproc');
const { twice } = require('./twice.ts');

if (isMainProcess) {
  const child = new Process({ target: twice, args: [4], context: 'spawn' });
  child.start();
  child.result.then(console.log, (error) => console.log(error.message));
}
