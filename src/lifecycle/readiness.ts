/** Descriptors that become ready: each wait is a ticket of the native thread that sleeps for all of them. */
import { FdEvents, native } from '../native.js';
import { afterForkInChild } from './after-fork.js';
import { threadState } from './thread-state.js';

/** A pending wait for a descriptor. */
export interface ReadinessWait {
  /** Whether the wait keeps the event loop alive; it does not at first. */
  reference(keep: boolean): void;
  /** Ends the wait; nothing happens if it has ended. Call it before the descriptor is closed. */
  cancel(): void;
}

interface Pending {
  referenced: boolean;
  readonly callback: () => void;
}

const thread = threadState('readiness', () => ({
  pending: new Map<number, Pending>(),
  references: 0,
  listening: false,
}));
const { pending } = thread;

/**
 * Calls back once when the descriptor is readable, hung up or faulty, never before this returns. It may be for nothing:
 * look, and wait again.
 *
 * @throws SystemError `EBADF`; `EMFILE`, `EAGAIN` where the thread cannot be started
 */
export function onReadable(fd: number, callback: () => void): ReadinessWait {
  return onReady(fd, FdEvents.readable, callback);
}

/** As {@link onReadable}, when there is room to write. */
export function onWritable(fd: number, callback: () => void): ReadinessWait {
  return onReady(fd, FdEvents.writable, callback);
}

function onReady(fd: number, events: number, callback: () => void): ReadinessWait {
  listen();
  const ticket = native.readinessArm(fd, events);
  const wait: Pending = { referenced: false, callback };
  pending.set(ticket, wait);
  return {
    reference(keep) {
      if (pending.get(ticket) !== wait || wait.referenced === keep) return;
      wait.referenced = keep;
      count(keep ? 1 : -1);
    },
    cancel() {
      if (finish(ticket) === wait) native.readinessDisarm(ticket);
    },
  };
}

function listen(): void {
  if (thread.listening) return;
  native.readinessStart((ticket) => finish(ticket)?.callback());
  // The waits are the parent's.
  afterForkInChild(() => {
    pending.clear();
    thread.references = 0;
    native.readinessReference(false);
  });
  thread.listening = true;
}

function finish(ticket: number): Pending | undefined {
  const wait = pending.get(ticket);
  if (wait === undefined) return undefined;
  pending.delete(ticket);
  if (wait.referenced) count(-1);
  return wait;
}

function count(change: number): void {
  const before = thread.references;
  thread.references += change;
  if ((before === 0) !== (thread.references === 0)) native.readinessReference(thread.references > 0);
}
