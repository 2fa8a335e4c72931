import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function worker(interval: number): Promise<void> {
  console.log('work begins');
  await sleep(interval);
  console.log('work ends');
}

if (isMainProcess) {
  const daemon = new Process({ target: worker, args: [100], daemon: true });
  daemon.start();
  // Without this the daemon would be told to end before its last line.
  await daemon.join();
  console.log('end!');
  // → work begins
  // → work ends
  // → end!
}
