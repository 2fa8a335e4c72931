import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export function exitError(): void {
  process.exit(1);
}

export function exitOk(): void {}

export function returnValue(): number {
  return 1;
}

export function raises(): void {
  throw new Error('There was an error!');
}

export async function terminated(): Promise<void> {
  await sleep(60_000);
}

if (isMainProcess) {
  const jobs = [exitError, exitOk, returnValue, raises, terminated].map(
    (target) => new Process({ name: target.name, target }),
  );
  for (const job of jobs) job.start();
  jobs.at(-1)?.terminate();
  for (const job of jobs) {
    await job.join();
    console.log(`${job.name}.exitCode = ${job.exitCode}`);
  }
  // → exitError.exitCode = 1
  // → exitOk.exitCode = 0
  // → returnValue.exitCode = 0
  // → raises.exitCode = 1
  // → terminated.exitCode = -15
}
