import { RLock } from 'multiproc';

const lock = new RLock();

async function withdraw(): Promise<void> {
  await lock.run(() => console.log('withdraw'));
}

async function transfer(): Promise<void> {
  await lock.run(async () => {
    console.log('transfer');
    await withdraw(); // inside: takes the lock again at once
  });
}

await Promise.all([transfer(), transfer()]); // siblings: one after the other
// → transfer
// → withdraw
// → transfer
// → withdraw
lock.close();
