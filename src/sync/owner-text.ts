/** The holder of a lock in Python's words, as far as this thread can tell. */
import { isMainThread, threadId } from 'node:worker_threads';
import { me } from '../lifecycle/participant.js';
import { nameOfProcess } from '../logging.js';
import { native } from '../native.js';

/** @param owner a participant that lives; 0 for a free lock */
export function ownerText(owner: number): string {
  if (owner === 0) return 'None';
  if (owner === me) return isMainThread ? nameOfProcess() : `${nameOfProcess()}|Worker-${threadId}`;
  return native.participant(owner).pid === process.pid ? 'SomeOtherThread' : 'SomeOtherProcess';
}
