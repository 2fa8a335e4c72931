// What the package does, on stderr, in Python's form.
import { getLogger, isMainProcess, logToStderr, Process } from 'multiproc';

export function worker(): void {
  console.log('Doing some work'); // → Doing some work
}

if (isMainProcess) {
  logToStderr();
  const logger = getLogger();
  logger.setLevel('INFO');
  const p = new Process({ target: worker });
  p.start();
  await p.join();
  // On stderr, among others:
  //   [INFO/Process-1] child process calling run()
  //   [INFO/Process-1] process shutting down
  //   [INFO/Process-1] process exiting with exitcode 0
}
