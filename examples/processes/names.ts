import { currentProcess, isMainProcess, Process, parentProcess } from 'multiproc';

export function worker(): void {
  console.log(currentProcess().name, 'of', parentProcess()?.name);
}

if (isMainProcess) {
  for (const options of [{ name: 'Worker 1' }, {}, { name: 'Service' }]) {
    const child = new Process({ target: worker, ...options });
    child.start();
    await child.join();
  }
  // → Worker 1 of MainProcess
  // → Process-2 of MainProcess
  // → Service of MainProcess
}
