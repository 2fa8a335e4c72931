/** Processes that have a file in /dev/shm open, from the kernel's list of locks: each of them holds a shared lock. */
import { readFileSync, statSync } from 'node:fs';

/**
 * The pids of those who have each file open, by inode. A pid appears once; processes in other pid namespaces are missing
 * (or 0, where the kernel shows them at all).
 */
export function openersByInode(): Map<number, number[]> {
  const openers = new Map<number, number[]>();
  const device = deviceOf('/dev/shm');
  if (device === undefined) return openers;
  for (const line of readLocks().split('\n')) {
    // 1: FLOCK  ADVISORY  READ 1234 00:19:42 0 EOF
    const match = /FLOCK\s+ADVISORY\s+(?:READ|WRITE)\s+(-?\d+)\s+([0-9a-f]+:[0-9a-f]+):(\d+)/.exec(line);
    if (match === null || match[2] !== device) continue;
    const inode = Number(match[3]);
    const pid = Number(match[1]);
    const pids = openers.get(inode) ?? [];
    if (!pids.includes(pid)) pids.push(pid);
    openers.set(inode, pids);
  }
  return openers;
}

function readLocks(): string {
  try {
    return readFileSync('/proc/locks', 'latin1');
  } catch {
    // Without /proc the question has no answer; the list of segments is useful all the same.
    return '';
  }
}

/** The device as the kernel writes it: major and minor in hexadecimal; `undefined` if there is no such folder. */
function deviceOf(path: string): string | undefined {
  const dev = statSync(path, { throwIfNoEntry: false })?.dev;
  if (dev === undefined) return undefined;
  const major = Math.floor(dev / 256) & 0xfff;
  const minor = (dev & 0xff) | ((Math.floor(dev / 2 ** 20) & 0xfffff) << 8);
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`;
}
