// Three functions as three processes; the parent counts its processors and lists its children.
import { setTimeout as sleep } from 'node:timers/promises';
import { activeChildren, cpuCount, isMainProcess, Process } from 'multiproc';

export async function worker1(interval: number): Promise<void> {
  console.log('worker1');
  await sleep(interval);
  console.log('end worker1');
}

export async function worker2(interval: number): Promise<void> {
  console.log('worker2');
  await sleep(interval);
  console.log('end worker2');
}

export async function worker3(interval: number): Promise<void> {
  console.log('worker3');
  await sleep(interval);
  console.log('end worker3');
}

if (isMainProcess) {
  const p1 = new Process({ target: worker1, args: [200] });
  const p2 = new Process({ target: worker2, args: [300] });
  const p3 = new Process({ target: worker3, args: [400] });

  p1.start();
  p2.start();
  p3.start();

  console.log(`The number of CPU is: ${cpuCount()}`);
  for (const p of activeChildren()) console.log(`child   p.name: ${p.name}\tp.pid: ${p.pid}`);
  console.log('END!!!!!!!!!!!!!!!!!');
  // In any order:
  // → /^The number of CPU is: \d+$/
  // → /^child {3}p.name: Process-1\tp.pid: \d+$/
  // → /^child {3}p.name: Process-2\tp.pid: \d+$/
  // → /^child {3}p.name: Process-3\tp.pid: \d+$/
  // → END!!!!!!!!!!!!!!!!!
  // → worker1
  // → worker2
  // → worker3
  // → end worker1
  // → end worker2
  // → end worker3
}
