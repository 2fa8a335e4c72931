import { setTimeout as sleep } from 'node:timers/promises';
import { Event, isMainProcess, Process } from 'multiproc';

export async function service(begun: Event): Promise<void> {
  console.log('service begins');
  begun.set();
  await sleep(60_000);
  console.log('never said');
}

export async function job(): Promise<void> {
  await sleep(100);
  console.log('job ends');
}

if (isMainProcess) {
  const begun = new Event();
  const daemon = new Process({ target: service, args: [begun], daemon: true });
  daemon.start(); // → service begins
  await begun.wait();
  console.log(await daemon.join(10), daemon.isAlive()); // → false true

  new Process({ target: job }).start();
  console.log('main ends'); // → main ends
  // → job ends
  // The daemon is told to end, the job is waited for.
}
