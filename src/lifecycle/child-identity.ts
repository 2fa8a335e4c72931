/** Identity of a forked child: its own pid, its creator's as ppid, and no channel of its parent. */
import { native } from '../native.js';

/** The parts of a child's identity that differ from the kernel's. */
export interface Identity {
  /** The creator's pid, where the process that forked works on behalf of another one. */
  ppid?: number;
}

/** Does the slow first part of {@link correctIdentity} ahead of a fork. */
export function prepareIdentity(): void {
  fix('pid', process.pid);
  fix('ppid', process.ppid);
}

export function correctIdentity({ ppid }: Identity = {}): void {
  // Node fixes `pid` when it starts, and asks the kernel for `ppid` at each reading.
  fix('pid', native.currentPid());
  if (ppid !== undefined) fix('ppid', ppid);
  leaveChannel();
}

const fixed = new Set<string>();

// A native getter of Node looks like a plain property, but is still read from there: it has to be replaced.
function fix(property: string, value: unknown): void {
  if (!fixed.has(property)) delete (process as unknown as Record<string, unknown>)[property];
  fixed.add(property);
  Object.defineProperty(process, property, { value, enumerable: true, configurable: true, writable: false });
}

// The IPC channel belongs to the process that forked: what a child read from it would be lost there. It is left without
// the event 'disconnect', at which a cluster's worker ends.
function leaveChannel(): void {
  if (process.channel === undefined || process.channel === null) return;
  const key = Object.getOwnPropertySymbols(process).find((symbol) => symbol.description === 'kChannelHandle');
  const channel = key && (process as unknown as Record<symbol, { readStop?(): void; unref?(): void } | null>)[key];
  channel?.readStop?.();
  channel?.unref?.();
  fix('connected', false);
  fix('channel', undefined);
  fix('send', undefined);
}
