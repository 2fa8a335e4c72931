/** The state of all shared objects of this user at one moment, for metrics and for the page. */
import { native } from '../native.js';
import { type Inspection, inspectAll } from '../shared/inspect.js';
import { shmSpace } from '../shared/shm-folder.js';
import { allWaits, type ProcessWait } from '../shared/waits.js';
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
  readonly waits: readonly ProcessWait[];
}

export function takeSnapshot(): Snapshot {
  const objects = inspectAll();
  const { participants, slots } = native.registryState();
  const { bavail, blocks, bsize } = shmSpace();
  return {
    time: wallClock(),
    participants,
    slots,
    shmBytes: blocks * bsize,
    shmFreeBytes: bavail * bsize,
    objects,
    waits: allWaits(),
  };
}
