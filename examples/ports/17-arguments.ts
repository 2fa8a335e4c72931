// The same with an argument each.
import { isMainProcess, Process } from 'multiproc';

export function worker(num: number): void {
  console.log(`Worker: ${num}`);
}

if (isMainProcess) {
  const jobs: Process[] = [];
  for (let i = 0; i < 5; i++) {
    const p = new Process({ target: worker, args: [i] });
    jobs.push(p);
    p.start();
  }
  // In any order:
  // → Worker: 0
  // → Worker: 1
  // → Worker: 2
  // → Worker: 3
  // → Worker: 4
}
