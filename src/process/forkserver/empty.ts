/** The moment at which a program has nothing left to do: a copy of it starts with an empty event loop. */

import { clearTimeout, setTimeout } from '../../timing.js';
import type { Readiness } from './protocol.js';

/** How long loaded modules may keep working, in ms: longer work is probably permanent. */
const patience = 2000;

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Calls back where Node would come to its natural end, with nothing on the stack but the empty event loop. The argument
 * is the outcome of `loading`, or what keeps the loop from running empty. If the callback leaves work, the program
 * continues.
 */
export function onceEmpty(
  loading: Promise<Readiness | undefined>,
  callback: (problem: Readiness | undefined) => void,
): void {
  const workers = watchWorkers();
  const emit = process.emit as Emit;
  let timer: NodeJS.Timeout | undefined;
  let problem: Readiness | undefined = {
    state: 'failed',
    module: '',
    reason: 'A module that waits for ever, at its top level, for something that cannot happen',
  };

  void loading.then((outcome) => {
    problem = outcome;
    if (problem !== undefined) return finish(problem);
    timer = setTimeout(() => finish({ state: 'busy', with: [...new Set(process.getActiveResourcesInfo())] }), patience);
    // The timer alone would keep the loop alive.
    timer.unref();
  });

  // Not a listener: those of the program would run at the start of every child.
  process.emit = ((event: string | symbol, ...args: unknown[]) => {
    if (event !== 'beforeExit') return emit.call(process, event, ...args);
    finish(problem ?? (workers.size > 0 ? { state: 'busy', with: ['Worker'] } : undefined));
    return true;
  }) as typeof process.emit;

  function finish(outcome: Readiness | undefined): void {
    clearTimeout(timer);
    process.emit = emit as typeof process.emit;
    workers.stop();
    callback(outcome);
  }
}

/** The running Workers: children would lack their threads. */
class RunningWorkers extends Set<object> {
  stop = (): void => {
    process.off('worker', this.note);
  };

  note = (worker: { once(event: 'exit', listener: () => void): unknown }): void => {
    this.add(worker);
    worker.once('exit', () => this.delete(worker));
  };
}

function watchWorkers(): RunningWorkers {
  const workers = new RunningWorkers();
  process.on('worker', workers.note);
  return workers;
}
