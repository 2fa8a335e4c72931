// The same child as a daemon: it is told to end when the program ends, and never says its last line.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function worker(interval: number): Promise<void> {
  console.log(`work start: ${new Date().toUTCString()}`);
  await sleep(interval);
  console.log(`work end: ${new Date().toUTCString()}`);
}

if (isMainProcess) {
  const p = new Process({ target: worker, args: [60_000] });
  p.daemon = true;
  p.start();
  console.log('end!');
  // In any order:
  // → end!
  // maybe → /^work start: /
}
