/** The pending promises of POSIX semaphores: each is a ticket of the native thread that waits for all of them. */
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { native, type PosixSemaphoreHandle } from '../native.js';

/** How a wait ends: by its outcome, or by whoever cancels it. */
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

const pending = new Map<number, Pending>();
let referenced = 0;
let listening = false;

/** Starts a wait. Its end is told exactly once, and never before this returns. */
export function startWait(semaphore: PosixSemaphoreHandle, deadline: number, ref: boolean, ends: Ends): Cancel {
  if (!listening) {
    native.posixSemaphoreOnSettled((ticket, won) => finish(ticket)?.ends.settled(won));
    // The waits are the parent's: in the child they neither settle nor keep it alive.
    afterForkInChild(() => {
      pending.clear();
      referenced = 0;
      native.posixSemaphoreKeepAlive(false);
    });
    listening = true;
  }
  const ticket = native.posixSemaphoreArm(semaphore, deadline);
  pending.set(ticket, { ref, ends });
  if (ref && ++referenced === 1) native.posixSemaphoreKeepAlive(true);
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
  if (wait.ref && --referenced === 0) native.posixSemaphoreKeepAlive(false);
  return wait;
}
