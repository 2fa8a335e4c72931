import { isMainProcess, Lock, Process, register } from 'multiproc';

export function twice(x) {
  return 2 * x;
}

// Bundlers keep an export under a name of theirs, or not at all.
register('app.twice', twice);

if (isMainProcess) {
  console.log('lock', new Lock().tryAcquire());
  const child = new Process({ target: twice, args: [4] });
  child.start();
  console.log('child', await child.result);
}
