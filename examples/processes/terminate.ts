import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function slow(): Promise<void> {
  await sleep(60_000);
}

if (isMainProcess) {
  const child = new Process({ target: slow });
  console.log('before', child.isAlive()); // → before false
  child.start();
  console.log('during', child.isAlive()); // → during true
  child.terminate(); // it may be alive for a moment
  await child.join();
  console.log('joined', child.isAlive(), child.exitCode, child.signalCode); // → joined false -15 SIGTERM
}
