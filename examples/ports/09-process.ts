// One process: its pid, its name, and whether it is alive.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export async function worker(interval: number): Promise<void> {
  for (let n = 5; n > 0; n--) {
    console.log(`The time is ${new Date().toUTCString()}`);
    await sleep(interval);
  }
}

if (isMainProcess) {
  const p = new Process({ target: worker, args: [30] });
  p.start();
  console.log('p.pid:', p.pid);
  console.log('p.name:', p.name);
  console.log('p.isAlive:', p.isAlive());
  // In any order:
  // → /^p.pid: \d+$/
  // → p.name: Process-1
  // → p.isAlive: true
  // 5 × → /^The time is .+ GMT$/
}
