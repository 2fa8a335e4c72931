import { Lock } from 'multiproc';

const lock = new Lock({ name: 'app.lock' }); // every program that uses this name gets the same lock

await lock.run(() => {
  if (lock.ownerDied) {
    // The previous holder was killed inside: repair what the lock protects, then mark it as consistent.
    lock.markConsistent();
  }
  console.log('one process at a time'); // → one process at a time
});

lock.unlink(); // a named lock lasts until it is unlinked
