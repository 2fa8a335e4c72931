// A child that is no daemon: the program waits for it before it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function worker(interval: number): Promise<void> {
  console.log(`work start: ${new Date().toUTCString()}`);
  await sleep(interval);
  console.log(`work end: ${new Date().toUTCString()}`);
}

if (isMainProcess) {
  const p = new Process({ target: worker, args: [100] });
  p.start();
  console.log('end!');
  // In any order:
  // → end!
  // → /^work start: /
  // → /^work end: /
}
