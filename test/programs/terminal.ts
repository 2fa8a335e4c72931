/** What a child by the start method in the first argument does to standard streams that it shares with this program. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Event, isMainProcess, Process, type StartMethod } from 'multiproc';

export async function write(ready: Event): Promise<void> {
  console.log('the child writes');
  const resized = once(process.stdout, 'resize');
  const awake = setInterval(() => {}, 1000);
  execFileSync('stty', ['-F', '/dev/tty', 'cols', '123']);
  await resized;
  clearInterval(awake);
  console.log(`the child sees ${process.stdout.columns} columns`);
  return stay(ready);
}

export async function stay(ready: Event): Promise<void> {
  ready.set();
  await new Event().wait();
}

if (isMainProcess) {
  const context = process.argv[2] as StartMethod;
  console.log('the parent writes');
  console.error();
  if (process.stdout.isTTY) process.stdin.setRawMode(true);
  const before = modes();
  const ready = new Event();
  const child = new Process({ target: process.stdout.isTTY ? write : stay, args: [ready], context });
  child.start();
  await Promise.race([ready.wait(), child.join()]);
  child.terminate();
  await child.join();
  console.log(`it ended with ${child.exitCode}`);
  console.log(modes() === before ? 'modes are as before' : `modes were ${before} and are ${modes()}`);
  process.exit();
}

/** How the streams are read and written. */
function modes(): string {
  const terminal = process.stdout.isTTY ? execFileSync('stty', ['-F', '/dev/tty', '-g'], { encoding: 'utf8' }) : '';
  return [1, 2].map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:.*/)).join() + terminal;
}
