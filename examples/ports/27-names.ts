// Two processes with names of their own, and one with the name that it is given by default.
import { setTimeout as sleep } from 'node:timers/promises';
import { currentProcess, isMainProcess, Process } from 'multiproc';

export async function worker(): Promise<void> {
  const { name } = currentProcess();
  console.log(name, 'Starting');
  await sleep(20);
  console.log(name, 'Exiting');
}

export async function myService(): Promise<void> {
  const { name } = currentProcess();
  console.log(name, 'Starting');
  await sleep(30);
  console.log(name, 'Exiting');
}

if (isMainProcess) {
  const service = new Process({ name: 'my_service', target: myService });
  const worker1 = new Process({ name: 'worker 1', target: worker });
  const worker2 = new Process({ target: worker }); // default name: the third process

  worker1.start();
  worker2.start();
  service.start();
  // In any order:
  // → worker 1 Starting
  // → worker 1 Exiting
  // → Process-3 Starting
  // → Process-3 Exiting
  // → my_service Starting
  // → my_service Exiting
}
