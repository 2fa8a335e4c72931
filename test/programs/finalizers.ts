/** Finalizers at the end of a program with children; and in a child. */
import { Event, Finalize, isMainProcess, Process } from 'multiproc';

const say = (text: string) => console.log(text);

export async function daemon(ready: Event): Promise<void> {
  process.on('SIGTERM', () => {
    say('daemon told');
    process.exit(0);
  });
  ready.set();
  setTimeout(() => {}, 1_000_000);
}

export function child(): void {
  new Finalize(say, { args: ['child low'], exitPriority: -1 });
  new Finalize(say, { args: ['child high'], exitPriority: 1 });
}

if (isMainProcess) {
  const ready = new Event();
  new Process({ target: daemon, args: [ready], daemon: true }).start();
  await ready.wait();
  const other = new Process({ target: child });
  other.start();
  await other.join();
  const called = new Finalize(say, { args: ['b'], exitPriority: 5 });
  called.call();
  new Finalize(say, { args: ['c'], object: called });
  for (const [text, exitPriority] of [
    ['d01', 1],
    ['d02', 1],
    ['d03', 1],
    ['d10', 10],
    ['e', -10],
  ] as const) {
    new Finalize(say, { args: [text], exitPriority });
  }
  const failing = () => {
    new Finalize(say, { args: ['made meanwhile'], exitPriority: 0 });
    throw new Error('as asked');
  };
  new Finalize(failing, { exitPriority: 0 });
}
