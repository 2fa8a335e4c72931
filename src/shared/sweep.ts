/** Removes what dead processes left: anonymous segments that nobody has open and no living process has sent away. */
import { readdirSync, statSync } from 'node:fs';
import { attach } from '../lifecycle/participant.js';
import { native } from '../native.js';
import { sweepManaged } from './managed-memory.js';
import { anonymousPrefix } from './names.js';

/** One file that {@link sweep} removed. */
export interface Swept {
  /** Its name in /dev/shm. */
  file: string;
  /** In bytes. */
  size: number;
}

/**
 * Removes the anonymous segments of this user that nobody has open, and what managers left that have ended. Named objects stay: they last until `unlink()`.
 *
 * Creating objects does the same now and then; calling this is never necessary, but can free memory sooner.
 */
export function sweep(): Swept[] {
  // Handles on their way count only while their sender lives, which the registry tells.
  attach();
  const swept: Swept[] = [];
  for (const file of readdirSync('/dev/shm')) {
    if (!file.startsWith(anonymousPrefix)) continue;
    const size = statSync(`/dev/shm/${file}`, { throwIfNoEntry: false })?.size ?? 0;
    if (native.sweepFile(file) === 'removed') swept.push({ file, size });
  }
  return [...swept, ...sweepManaged()];
}

let swept = false;

/** The first object of a thread cleans up after those who died before. */
export function sweepOnce(): void {
  if (swept) return;
  swept = true;
  sweep();
}
