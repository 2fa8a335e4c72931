// Five processes run one function.
import { isMainProcess, Process } from 'multiproc';

export function worker(): void {
  console.log('Worker');
}

if (isMainProcess) {
  const jobs: Process[] = [];
  for (let i = 0; i < 5; i++) {
    const p = new Process({ target: worker });
    jobs.push(p);
    p.start();
  }
  // 5 × → Worker
}
