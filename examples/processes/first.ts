import { isMainProcess, Process } from 'multiproc';

export async function work(name: string, times: number): Promise<string> {
  for (let i = 1; i <= times; i++) console.log(name, 'at', i);
  return `${name} is done`;
}

// Children load this module to find `work`: the guard keeps the main program out of them.
if (isMainProcess) {
  const child = new Process({ target: work, args: ['child', 2], name: 'my child' });
  child.start();
  console.log(child.name, child.pid === process.pid);
  // → my child false
  // → child at 1
  // → child at 2
  console.log(await child.result); // → child is done
  console.log(await child.join(), child.exitCode); // → true 0
}
