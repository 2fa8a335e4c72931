/** The user at the other side of a descriptor, as the kernel knows it. */
import { readFileSync } from 'node:fs';
import { native } from '../native.js';

/** What the kernel shows instead of a user id that does not exist in this user namespace. */
const overflowUid = 65_534;

let initialNamespace: boolean | undefined;

/** Whether ids here are those of the whole machine, so that two processes mean the same by a number. */
export function isInitialUserNamespace(): boolean {
  initialNamespace ??= readsAsInitial();
  return initialNamespace;
}

function readsAsInitial(): boolean {
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  } catch {
    // Without /proc nothing is known of the namespace.
    return false;
  }
}

/** The effective user id at the other side; `undefined` where the kernel does not say, as with TCP. */
export function peerUserOf(descriptor: number): number | undefined {
  const uid = native.socketPeerUser(descriptor);
  return uid < 0 ? undefined : uid;
}

/** Whether only processes of this very user can be at the other side: a local socket, or a private pipe. */
export function isSameUser(descriptor: number): boolean {
  const uid = peerUserOf(descriptor);
  if (uid === undefined || uid !== process.geteuid?.()) return false;
  return uid !== overflowUid || isInitialUserNamespace();
}
