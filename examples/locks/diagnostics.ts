import { subscribe } from 'node:diagnostics_channel';
import { Lock } from 'multiproc';

const lock = new Lock({ name: `example.diagnostics.${process.pid}` });

subscribe('multiproc:contention', (message) => {
  const { name, waitedMs } = message as { name: string | undefined; waitedMs: number };
  console.log(name === lock.name, waitedMs > 0);
});
subscribe('multiproc:owner-died', (message) => {
  console.log('somebody died with', (message as { name: string | undefined }).name);
});

await lock.acquire(); // free: nothing is told
const waiting = lock.acquire();
setTimeout(() => lock.release(), 10);
await waiting; // → true true
lock.release();

lock.unlink();
