/** Waits for one permit of the semaphore in the first argument, in the way the second says. */
import { semOpen } from 'multiproc/posix';

const [name = '', how] = process.argv.slice(2);
process.disconnect();
process.on('SIGUSR2', () => {});
const semaphore = semOpen(name);
console.log('waiting');
if (how === 'loose') void semaphore.wait({ ref: false }).then(console.log);
if (how === 'kept') console.log(await semaphore.wait());
if (how === 'for ever') console.log(semaphore.waitSync());
if (how === 'for a time') console.log(semaphore.waitSync(60_000));
