// Each child prints its parent's pid and its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process, parentProcess } from 'multiproc';

export async function func(_name: number): Promise<void> {
  console.log('start a process');
  await sleep(10);
  // Under the fork server `process.ppid` is the server: who started a child is what parentProcess() tells.
  console.log('the process parent id:', parentProcess()?.pid);
  console.log('the process id is:', process.pid);
}

if (isMainProcess) {
  const processes: Process[] = [];
  for (let i = 0; i < 2; i++) {
    const p = new Process({ target: func, args: [i] });
    processes.push(p);
  }
  for (const i of processes) i.start();
  console.log('start all process', process.pid);
  for (const i of processes) await i.join();
  console.log('all sub process is done!');
  // In any order:
  // → /^start all process \d+$/
  // 2 × → start a process
  // 2 × → /^the process parent id: \d+$/
  // 2 × → /^the process id is: \d+$/
  // In this order:
  // → all sub process is done!
}
