import { getLogger, isMainProcess, logToStderr, Process } from 'multiproc';

export function worker(): void {
  getLogger().info('working');
}

if (isMainProcess) {
  logToStderr('INFO');
  const child = new Process({ target: worker });
  child.start();
  await child.join();
  // On stderr: [INFO/MainProcess] started the fork server, process 1234
  //            [INFO/Process-1] child process calling run()
  //            [INFO/Process-1] working
  //            [INFO/Process-1] process shutting down
  //            [INFO/Process-1] process exiting with exitcode 0
  console.log(child.exitCode); // → 0
}
