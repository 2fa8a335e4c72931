import { Lock, Semaphore, Value } from 'multiproc';

// Every program that uses these names gets the same objects, however it was started.
const visits = new Value('i', 0, { name: 'app.visits' });
const limit = new Semaphore(4, { name: 'app.limit', robust: true });
const lock = new Lock({ name: 'app.lock' });

visits.add(1); // one atomic instruction, no lock

await limit.run(async () => {
  // At most four at a time, counted over all programs. A program that is killed in here releases its permit.
});

await lock.run(() => {
  if (lock.ownerDied) {
    // The previous holder was killed inside: repair the data, then mark the lock as consistent.
    lock.markConsistent();
  }
  console.log(visits.value > 0); // → true
});

for (const object of [visits, limit, lock]) object.unlink(); // a named object lasts until it is unlinked
