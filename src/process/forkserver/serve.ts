/** The fork server's loop: blocks in one native call, makes children, reaps them, and reports how they ended. */
import { SystemError } from '../../errors.js';
import { forkHoldingSignals } from '../../lifecycle/after-fork.js';
import { native, type Received } from '../../native.js';
import { company } from './company.js';
import { Report, type RequestDescriptors, request, sendReport, unpackDescriptors } from './protocol.js';

interface Child {
  readonly pid: number;
  readonly channel: number;
}

/**
 * Serves until the process of the pidfd `parent` has ended, or until there is neither a user nor a child whose end is
 * to be reported; then the process ends.
 *
 * @param requests - a socket that identifies its senders
 * @returns in each child, with its descriptors: it holds none of the server's own ones any more, and its signals are
 *   blocked
 */
export function serve(requests: number, parent: number): RequestDescriptors {
  const set = native.pollSetOpen();
  native.pollSetAdd(set, requests);
  native.pollSetAdd(set, parent);
  const children = new Map<number, Child>();
  const buffer = Buffer.alloc(request.length + 1);
  let asked = true;

  while (asked || children.size > 0) {
    for (const fd of native.pollSetWait(set, Infinity)) {
      if (fd === parent) native.exitNow(0);
      if (fd !== requests) {
        reap(fd);
        continue;
      }
      const received = native.channelReceive(requests, buffer, 0);
      if (received === undefined) continue;
      if (received.size === 0) {
        // The last user may be a child that is ending.
        native.pollSetRemove(set, requests);
        asked = false;
        continue;
      }
      const given = accept(received, buffer);
      if (given !== undefined && make(given, received.pid)) return given;
    }
  }
  native.exitNow(0);

  // Returns true in the child.
  function make(given: RequestDescriptors, creator: number): boolean {
    const { channel, stdio } = given;
    const handedOver = [given.requests, ...stdio, given.memory, given.notice, given.creator];
    let pidfd: number | undefined;
    // A thread or a debugger has appeared meanwhile: the creator spawns the child.
    if (company().length > 0) {
      tell(channel, Report.accompanied, 0);
      native.closeDescriptors([...handedOver, channel]);
      return false;
    }
    try {
      const pid = forkHoldingSignals({ ppid: creator });
      if (pid === 0) {
        native.closeDescriptors([set, requests, parent, ...children.keys()]);
        native.closeDescriptors([...children.values()].map((child) => child.channel));
        return true;
      }
      pidfd = watch(pid, channel);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      tell(channel, Report.failed, error.errno);
      handedOver.push(channel);
    }
    if (pidfd !== undefined) tell(channel, Report.started, (children.get(pidfd) as Child).pid, 0, [pidfd]);
    native.closeDescriptors(handedOver);
    return false;
  }

  // The end of a child without a pidfd could not be observed. It has not begun yet, since its creator does not have its
  // pid.
  function watch(pid: number, channel: number): number {
    try {
      const pidfd = native.processFile(pid);
      native.pollSetAdd(set, pidfd);
      children.set(pidfd, { pid, channel });
      return pidfd;
    } catch (error) {
      process.kill(pid, 'SIGKILL');
      native.waitChild(pid, false);
      throw error;
    }
  }

  function reap(pidfd: number): void {
    const { pid, channel } = children.get(pidfd) as Child;
    const [ended, code, signal] = native.waitChild(pid, true);
    if (ended === 0) return;
    children.delete(pidfd);
    native.pollSetRemove(set, pidfd);
    tell(channel, Report.ended, code, signal);
    native.closeDescriptors([pidfd, channel]);
  }
}

// Requests come from processes that have the socket: the parent of this one, from which it inherited it, and children
// of its own. The kernel reports the real user of the sender, which a parent that changed only its effective user
// keeps.
function accept(received: Received, bytes: Buffer): RequestDescriptors | undefined {
  const given = unpackDescriptors(received.descriptors);
  const valid =
    received.uid === process.getuid?.() && !received.truncated && bytes.subarray(0, received.size).equals(request);
  if (valid && given !== undefined) return given;
  native.closeDescriptors(received.descriptors);
  return undefined;
}

function tell(channel: number, kind: number, value: number, signal = 0, fds: readonly number[] = []): void {
  try {
    sendReport(channel, kind, value, signal, fds);
  } catch {
    // The sender has gone: there is no receiver for the report.
  }
}
