/** Tasks that do not end, in a module that listens to no signal. */
import { Event, type Queue } from 'multiproc';

export function spin(begun: Queue): void {
  begun.putSync('spinning');
  for (;;);
}

/** Leaves its event loop to signals. */
export async function linger(begun: Queue): Promise<void> {
  await begun.put('lingering');
  await new Event().wait();
}
