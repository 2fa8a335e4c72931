/** The state of the shared objects of this user at one moment: for `top`, for metrics and for the page. */
import { native } from '../native.js';
import { type Holder, type Inspection, inspectAll } from '../shared/inspect.js';
import { shmSpace } from '../shared/shm-folder.js';
import { wallClock } from '../timing.js';

export interface Snapshot {
  /** In ms since 1970. */
  readonly time: number;
  /** Threads that use the package, and the upper bound on them. */
  readonly participants: number;
  readonly slots: number;
  /** Size and free part of /dev/shm, in bytes. */
  readonly shmBytes: number;
  readonly shmFreeBytes: number;
  readonly objects: readonly Inspection[];
}

/** @param prefix only named objects whose name starts with it */
export function takeSnapshot(prefix?: string): Snapshot {
  const objects = inspectAll(prefix);
  const { participants, slots } = native.registryState();
  const { free, capacity } = shmSpace();
  return { time: wallClock(), participants, slots, shmBytes: capacity, shmFreeBytes: free, objects };
}

/** Named objects, and the anonymous ones that people look for. Small anonymous objects share arenas. */
export function isNotable({ name, kind }: Inspection): boolean {
  return name !== null || kind === 'Pool' || kind.endsWith('Queue');
}

/** The pids of the threads that wait for the object; `undefined` for objects without waits, and for conditions. */
export function waitersOf({ lock, semaphore, event, barrier, condition, queue }: Inspection): number[] | undefined {
  if (queue !== undefined) {
    const joins = 'waitingJoins' in queue ? queue.waitingJoins : [];
    return [...queue.waitingReaders, ...queue.waitingWriters, ...joins];
  }
  return condition === undefined ? (semaphore ?? event ?? barrier ?? lock)?.waiters : undefined;
}

/** The holders of a lock or of permits; `undefined` for other objects. */
export function holdersOf({ lock, semaphore }: Inspection): Holder[] | undefined {
  if (semaphore !== undefined) return semaphore.holders;
  return lock && (lock.holder === null ? [] : [lock.holder]);
}
