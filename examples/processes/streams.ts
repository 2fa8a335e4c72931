import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isMainProcess, Process } from 'multiproc';

export async function shout(): Promise<void> {
  for await (const chunk of process.stdin) process.stdout.write(String(chunk).toUpperCase());
}

if (isMainProcess) {
  const child = new Process({ target: shout, stdio: ['pipe', 'pipe', 'inherit'] });
  child.start();
  child.stdin?.end('hello');
  console.log(await text(child.stdout as Readable)); // → HELLO
  console.log(await child.exited); // → 0
}
