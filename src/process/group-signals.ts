/** Signals to a whole process group, which the workers of pools and the servers of managers leave to their parent. */
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { native } from '../native.js';
import { parentProcess } from './current.js';

const groupSignals = new Set<string | symbol>(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']);

/**
 * Makes SIGHUP, SIGINT, SIGQUIT and SIGTERM do nothing here unless the parent or this process itself sent them: a
 * terminal, a shell or a supervisor sends them to the whole group, and the parent may want work in flight to be
 * finished. `terminate()` of the parent acts as before. The same holds for listeners that a module adds: a program's
 * main module, which children load, too, may have some for the program itself.
 */
export function leaveSignalsToParent(): void {
  const parent = parentProcess();
  if (parent === null) return;
  native.leaveSignalsTo(parent.pid);
  const renew = (event: string | symbol) => {
    if (groupSignals.has(event)) native.leaveSignalsTo(parent.pid);
  };
  // After Node's own handlers of these events, which have libuv replace the signal's action.
  process.on('newListener', renew);
  process.on('removeListener', renew);
  afterForkInChild(() => {
    process.off('newListener', renew);
    process.off('removeListener', renew);
    native.takeSignalsBack();
  });
}
