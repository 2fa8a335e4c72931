/** Removes what dead processes left: anonymous segments that no process has open and no living process has sent away. */
import { attach } from '../lifecycle/participant.js';
import { getLogger } from '../logging.js';
import { native } from '../native.js';
import { performanceNow, setTimeout } from '../timing.js';
import { sweepManaged } from './managed-memory.js';
import { anonymousPrefix } from './names.js';
import { shmFiles, statOwn } from './shm-folder.js';

/** One file that {@link sweep} removed. */
export interface Swept {
  /** Its name in /dev/shm. */
  file: string;
  /** In bytes. */
  size: number;
}

/**
 * Removes the anonymous segments of this user that no process has open, and what managers left that have ended. Named
 * objects stay: they last until `unlink()`. Files of other users, and what is not a regular file, are passed over.
 *
 * Creating objects does the same now and then, and so does noticing that a child was killed; calling this is never
 * necessary, but can free memory sooner.
 *
 * @throws SystemError `ENOENT`, `EACCES` where there is no /dev/shm, or this user may not list it
 */
export function sweep(): Swept[] {
  // Handles on their way count only while their sender lives, which the registry tells.
  attach();
  const swept: Swept[] = [];
  const prefix = anonymousPrefix();
  for (const file of shmFiles()) {
    if (!file.startsWith(prefix)) continue;
    const size = statOwn(file)?.size;
    if (size !== undefined && native.sweepFile(file) === 'removed') swept.push({ file, size });
  }
  return [...swept, ...sweepManaged()];
}

/** Sweeps where no caller could handle an error: it is logged, and what was left stays for the next sweep. */
export function sweepQuietly(): void {
  const start = performanceNow();
  lastSweep = start;
  try {
    sweep();
  } catch (error) {
    getLogger().warning('what dead processes left in /dev/shm cannot be removed: %s', (error as Error).message);
  }
  const end = performanceNow();
  notBefore = end + (end - start) * restFactor;
}

/** Between two sweeps of a thread that makes objects, in ms. */
const pause = 60_000;
let lastSweep = -Infinity;

/** Every object that gets a file of its own calls this: the first of a thread, and now and then a later one, sweeps. */
export function sweepNowAndThen(): void {
  const time = performanceNow();
  if (time - lastSweep >= pause) sweepQuietly();
}

/** Sweeps take at most one part in so many of a program's time, however many of its children are killed. */
const restFactor = 20;
let notBefore = 0;
let timer: NodeJS.Timeout | undefined;

/** A process was killed, and may have been the last that had a segment open. Sweeps now, or a little later. */
export function sweepAfterKill(): void {
  const wait = notBefore - performanceNow();
  if (wait <= 0) {
    sweepQuietly();
  } else if (timer === undefined) {
    timer = setTimeout(() => {
      timer = undefined;
      sweepQuietly();
    }, wait);
    timer.unref();
  }
}
