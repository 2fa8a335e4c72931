// Ten processes print under one lock: ten whole lines, in whatever order.
import { isMainProcess, Lock, Process } from 'multiproc';

export function f(l: Lock, i: number): void {
  l.acquireSync();
  console.log('hello world', i);
  l.release();
}

if (isMainProcess) {
  const lock = new Lock();
  for (let i = 0; i < 10; i++) new Process({ target: f, args: [lock, i] }).start();
  // In any order:
  // → hello world 0
  // → hello world 1
  // → hello world 2
  // → hello world 3
  // → hello world 4
  // → hello world 5
  // → hello world 6
  // → hello world 7
  // → hello world 8
  // → hello world 9
}
