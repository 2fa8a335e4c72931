// Five ways to end, and the exit codes of each. A return value is none: it is in `result`.
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
  throw new RangeError('There was an error!');
}

export async function terminated(): Promise<void> {
  await sleep(60_000);
}

if (isMainProcess) {
  const jobs: Process[] = [];
  for (const f of [exitError, exitOk, returnValue, raises, terminated]) {
    console.log(`Starting process for ${f.name}`);
    const j = new Process({ target: f, name: f.name });
    jobs.push(j);
    j.start();
  }

  jobs.at(-1)?.terminate();

  for (const j of jobs) {
    await j.join();
    console.log(`${j.name.padStart(15)}.exitCode = ${j.exitCode}`);
  }
  // → Starting process for exitError
  // → Starting process for exitOk
  // → Starting process for returnValue
  // → Starting process for raises
  // → Starting process for terminated
  // →       exitError.exitCode = 1
  // →          exitOk.exitCode = 0
  // →     returnValue.exitCode = 0
  // →          raises.exitCode = 1
  // →      terminated.exitCode = -15
}
