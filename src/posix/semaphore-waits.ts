/** The pending promises of POSIX semaphores: each is a ticket of the native thread that waits for all of them. */
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { threadState } from '../lifecycle/thread-state.js';
import { native, type PosixSemaphoreHandle } from '../native.js';

/** The ends of a wait: its outcome, or a cancellation. */
export interface Ends {
  settled(won: boolean): void;
  cancelled(reason: unknown): void;
}

/** Ends a pending wait; nothing happens if it has ended. */
export type Cancel = (reason: unknown) => void;

interface Pending {
  readonly ref: boolean;
  readonly ends: Ends;
}

const thread = threadState('semaphore waits', () => ({
  pending: new Map<number, Pending>(),
  referenced: 0,
  listening: false,
}));
const { pending } = thread;

/** Starts a wait. Its end is reported exactly once, and never before this returns. */
export function startWait(semaphore: PosixSemaphoreHandle, deadline: number, ref: boolean, ends: Ends): Cancel {
  if (!thread.listening) {
    native.posixSemaphoreOnSettled((ticket, won) => finish(ticket)?.ends.settled(won));
    // The waits are the parent's: in the child they neither settle nor keep it alive.
    afterForkInChild(() => {
      pending.clear();
      thread.referenced = 0;
      native.posixSemaphoreKeepAlive(false);
    });
    thread.listening = true;
  }
  const ticket = native.posixSemaphoreArm(semaphore, deadline);
  pending.set(ticket, { ref, ends });
  if (ref && ++thread.referenced === 1) native.posixSemaphoreKeepAlive(true);
  return (reason) => {
    const wait = finish(ticket);
    if (wait === undefined) return;
    native.posixSemaphoreDisarm(ticket);
    wait.ends.cancelled(reason);
  };
}

function finish(ticket: number): Pending | undefined {
  const wait = pending.get(ticket);
  if (wait === undefined) return undefined;
  pending.delete(ticket);
  if (wait.ref && --thread.referenced === 0) native.posixSemaphoreKeepAlive(false);
  return wait;
}
