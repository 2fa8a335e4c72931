import { activeChildren, cpuCount, isMainProcess, Process } from 'multiproc';

export async function idle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

if (isMainProcess) {
  console.log(cpuCount() > 0); // → true
  const children = [1, 2, 3].map(() => new Process({ target: idle }));
  for (const child of children) child.start();
  for (const child of activeChildren()) console.log(child.name, child.pid === process.pid);
  // → Process-1 false
  // → Process-2 false
  // → Process-3 false
  for (const child of children) child.terminate();
  console.log(await Promise.all(children.map((child) => child.exited))); // → [ -15, -15, -15 ]
}
