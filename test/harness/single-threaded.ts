/** Test files for the start method fork, which needs a flag from the start of the process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const flag = '--single-threaded';

/** Runs `tests` in a process that is able to fork. The file itself, started for it, if this one is not. */
export async function ableToFork(file: string, tests: () => void | Promise<void>): Promise<void> {
  if (process.execArgv.includes(flag)) return tests();
  // What it reports on stdout is what this one reports.
  const { status, signal } = spawnSync(process.execPath, [flag, fileURLToPath(file)], { stdio: 'inherit' });
  if (signal !== null) console.error(`${file} was ended by ${signal}`);
  process.exitCode = status ?? 1;
}
