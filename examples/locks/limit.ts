import { Semaphore } from 'multiproc';

// Two permits for all programs that use this name; those of a killed one come back by themselves.
const limit = new Semaphore(2, { name: `example.limit.${process.pid}`, robust: true });

let inside = 0;
let most = 0;

async function job(): Promise<void> {
  await limit.run(async () => {
    inside++;
    most = Math.max(most, inside);
    await new Promise(setImmediate);
    inside--;
  });
}

await Promise.all(Array.from({ length: 10 }, job));
console.log('at most', most); // → at most 2
console.log('free', limit.getValue()); // → free 2

limit.unlink();
