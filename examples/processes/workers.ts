import { isMainProcess, Process } from 'multiproc';

export function worker(number: number): string {
  return `Worker: ${number}`;
}

if (isMainProcess) {
  const jobs: Process[] = [];
  for (let i = 0; i < 5; i++) {
    const job = new Process({ target: worker, args: [i] });
    jobs.push(job);
    job.start();
  }
  for (const job of jobs) console.log(await job.result);
  // → Worker: 0
  // → Worker: 1
  // → Worker: 2
  // → Worker: 3
  // → Worker: 4
}
