/**
 * The transition of a forked child from the middle of the parent's program to an empty stack in a loop of its own,
 * without running another line of the parent's code.
 */
import { createHook } from 'node:async_hooks';
import { native } from '../../native.js';
import type { EngineQueues } from './engine-queues.js';
import { dropHandles, dropListeners, dropQueues, renewTimers } from './inheritance.js';

/**
 * Drops the parent's state in a child that was forked with signals blocked, then unblocks the signals and runs `work`.
 * Does not return, and no `catch` or `finally` on the stack runs.
 */
export function startAfresh(queues: EngineQueues, work: () => void): never {
  orEnd(() => {
    dropListeners();
    dropQueues(queues);
    dropHandles();
  });
  // Only V8 can drop microtasks; it does so when one of them is unwound.
  const leave = (): never => {
    // The contexts that are on the stack would be missed by those below them.
    queues.clearAsyncIdStack();
    // The running hook may be one of the functions that never end.
    queues.activeHooks.call_depth = 0;
    unwind();
  };
  const gate = createHook({ before: leave });
  let turns = 0;
  native.onFreshStack(() => {
    queues.runMicrotasks();
    // Closed handles close at the end of a turn.
    if (++turns < 3) return false;
    orEnd(() => {
      gate.disable();
      dropQueues(queues);
      native.releaseLoop();
      renewTimers(queues);
      native.releaseSignals();
      work();
    });
    return true;
  });
  gate.enable();
  return leave();
}

// Not thrown: the parent's code would take it for a failure in the parent, and do the parent's work twice.
function orEnd(step: () => void): void {
  try {
    step();
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    native.writeAll(2, Buffer.from(`The forked child could not be set up: ${text}\n`));
    native.exitNow(1);
  }
}

function unwind(): never {
  native.unwind();
  for (;;);
}
