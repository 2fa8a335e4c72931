/** A program in CommonJS that forks while its main module runs. */
import fs = require('node:fs');

const { Process, setStartMethod } = require('multiproc') as typeof import('multiproc');

setStartMethod('fork');
const parent = process.pid;
const mine = (what: string) => process.pid !== parent && fs.writeSync(1, `stray: ${what}\n`);

process.on('exit', () => mine('an exit handler'));
void Promise.resolve().then(() => mine('a promise'));
process.nextTick(() => mine('a tick'));
setTimeout(() => mine('a timer'), 1);
const local = { value: 41 };
const child = new Process({
  target: async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { answer } = await import(`data:text/javascript,export const answer = ${1}`);
    process.exitCode = 5;
    return local.value + answer;
  },
});
child.start();
mine('the caller of start()');
void child.result.then(async (result) => {
  await child.join();
  process.send?.({ result, exitCode: child.exitCode }, () => process.disconnect());
});
