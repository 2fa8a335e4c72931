import { isMainProcess, Process, parentProcess } from 'multiproc';

export function info(): { parent: number | undefined; own: number } {
  return { parent: parentProcess()?.pid, own: process.pid };
}

if (isMainProcess) {
  const child = new Process({ target: info });
  child.start();
  const { parent, own } = (await child.result) as ReturnType<typeof info>;
  console.log(parent === process.pid, own === child.pid); // → true true
}
