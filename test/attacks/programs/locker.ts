/** Tries to take the named lock, and says whether it has it. */
import { Lock } from 'multiproc';

process.on('message', (name: string) => {
  if (name === 'end') process.exit();
  process.send?.(new Lock({ name }).acquireSync({ timeout: 0 }));
});
