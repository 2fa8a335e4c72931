/** A manager's class whose module fails in the server's process in a way that the environment names, and initializers that fail. */
import { SyncManager } from 'multiproc';

export class FailingManager extends SyncManager {}

export class Thing {
  inspect(): string {
    return 'inspected';
  }
}

FailingManager.register('Thing', { callable: Thing });

const { FAILS_IN, FAILS_BY } = process.env;
if (FAILS_IN !== undefined && FAILS_IN !== String(process.pid)) {
  if (FAILS_BY === 'throw') throw new Error('this module does not load');
  if (FAILS_BY === 'exit') process.exit(0);
  if (FAILS_BY === 'kill') process.kill(process.pid, 'SIGKILL');
}

export const throws = (): never => {
  throw new RangeError('the initializer failed');
};

export const throwsLater = (): Promise<void> =>
  new Promise(() => {
    setTimeout(() => {
      throw new RangeError('the initializer failed later');
    }, 1);
  });

export const exits = (): never => process.exit(3);
