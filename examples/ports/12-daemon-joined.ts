// The daemon again, waited for: it comes to its end first.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function worker(interval: number): Promise<void> {
  console.log(`work start: ${new Date().toUTCString()}`);
  await sleep(interval);
  console.log(`work end: ${new Date().toUTCString()}`);
}

if (isMainProcess) {
  const p = new Process({ target: worker, args: [100] });
  p.daemon = true;
  p.start();
  await p.join();
  console.log('end!');
  // → /^work start: /
  // → /^work end: /
  // → end!
}
