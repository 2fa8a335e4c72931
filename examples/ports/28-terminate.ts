// A process before it starts, while it runs, just after it was told to end, and after it ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function slowWorker(): Promise<void> {
  console.log('Starting worker');
  await sleep(60_000);
  console.log('Finished worker');
}

if (isMainProcess) {
  const p = new Process({ target: slowWorker });
  console.log('BEFORE:', p, p.isAlive());

  p.start();
  console.log('DURING:', p, p.isAlive());

  p.terminate();
  console.log('TERMINATED:', p, p.isAlive());

  await p.join();
  console.log('JOINED:', p, p.isAlive());
  console.log('exit code', p.exitCode);
  // → /^BEFORE: .*Process-1.* initial.* false$/
  // maybe → Starting worker
  // → /^DURING: .*Process-1.* started.* true$/
  // maybe → Starting worker
  // → /^TERMINATED: .*Process-1.* (true|false)$/
  // → /^JOINED: .*Process-1.* stopped.* false$/
  // → exit code -15
}
