import { Lock, Semaphore, Value } from 'multiproc';

// Any number of programs, started in any way, meet by name.
const visits = new Value('i', 0, { name: 'app.visits' });
const limit = new Semaphore(4, { name: 'app.limit', robust: true });
const lock = new Lock({ name: 'app.lock' });

visits.add(1); // one atomic instruction, no lock

await limit.run(async () => {
  // At most four at a time, in all programs together. A program that is killed in here gives its permit back.
});

await lock.run(() => {
  if (lock.ownerDied) {
    // Whoever was in here before was killed: put things in order, then say so.
    lock.markConsistent();
  }
  console.log(visits.value > 0); // → true
});

for (const object of [visits, limit, lock]) object.unlink(); // named objects last until somebody does this
