/** A main module without a guard: it starts a child while it is loaded. */
import { Process } from 'multiproc';

export function work(): void {
  console.log('work');
}

const child = new Process({ target: { module: import.meta.url, export: 'work' } });
child.start();
console.log(`exit code ${await child.exited}`);
