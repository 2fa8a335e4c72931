import { semOpen, semUnlink } from 'multiproc/posix';

const name = `/example-${process.pid}`;
const semaphore = semOpen(name, { create: true, value: 1 });

console.log(await semaphore.wait()); // → true
console.log(semaphore.tryWait()); // → false
console.log(await semaphore.wait(20)); // → false
console.log(semaphore.waitSync(20)); // → false

const waiting = semaphore.wait({ signal: AbortSignal.timeout(10_000) });
semaphore.post(); // by whoever likes: a C program, a Python program, this one
console.log(await waiting); // → true

semaphore.close();
semUnlink(name);
