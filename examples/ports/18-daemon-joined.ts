// The same, and the program waits for both.
import { setTimeout as sleep } from 'node:timers/promises';
import { currentProcess, isMainProcess, Process } from 'multiproc';

export async function daemon(): Promise<void> {
  const p = currentProcess();
  console.log(`Starting: ${p.name} ${p.pid}`);
  await sleep(200);
  console.log('Exiting :', p.name, p.pid);
}

export function nonDaemon(): void {
  const p = currentProcess();
  console.log(`Starting: ${p.name} ${p.pid}`);
  console.log('Exiting :', p.name, p.pid);
}

if (isMainProcess) {
  const d = new Process({ name: 'daemon', target: daemon, daemon: true });
  const n = new Process({ name: 'non-daemon', target: nonDaemon });

  d.start();
  await sleep(100);
  n.start();

  await d.join();
  await n.join();
  // In any order:
  // → /^Starting: daemon \d+$/
  // → /^Exiting : daemon \d+$/
  // → /^Starting: non-daemon \d+$/
  // → /^Exiting : non-daemon \d+$/
}
