import { Lock } from 'multiproc';

const lock = new Lock();

await lock.acquire(); // a promise: the event loop goes on
console.log(lock.tryAcquire()); // → false
console.log(await lock.acquire(20)); // → false
console.log(lock.acquireSync({ timeout: 20 })); // → false

const controller = new AbortController();
setTimeout(() => controller.abort(new Error('enough')), 5);
try {
  await lock.acquire({ signal: controller.signal });
} catch (error) {
  console.log((error as Error).message); // → enough
}

lock.release();
lock.close();
