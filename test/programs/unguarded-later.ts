/** A main module without a guard, whose main function starts a child when the module has long been loaded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Process } from 'multiproc';

export async function work(): Promise<void> {
  console.log('work');
  await sleep(1_000_000);
}

async function main(): Promise<void> {
  await sleep(20);
  const child = new Process({ target: { module: import.meta.url, export: 'work' } });
  child.start();
  console.log(`exit code ${await child.exited}`);
}

void main();
