/** The children of this process that may still run, and what becomes of them when this process ends. */
import { constants } from 'node:os';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { betweenFinalizers, runFinalizers } from '../lifecycle/finalize.js';
import { getLogger } from '../logging.js';
import { native } from '../native.js';
import type { Child } from './child.js';

const { SIGKILL, SIGTERM } = constants.signals;

/** What is known of the owner of a child. */
interface Owner {
  readonly name: string;
  readonly daemon: boolean;
}

/** How long a daemon may take to end once it was told to, in ms; what it waits for a processor does not count. */
export const daemonGrace = 400;
const graceLook = 20;

const running = new Map<Owner, Child>();
const told = new WeakSet<Child>();
let watching = false;

/** A child was started. */
export function track(owner: Owner, child: Child): void {
  if (!watching) watchEnd();
  running.set(owner, child);
  child.onEnd(() => running.get(owner) === child && running.delete(owner), false);
}

/** The owners of those that run; the others are reaped. */
export function runningOwners(): Owner[] {
  for (const [owner, child] of running) if (child.poll() !== null) running.delete(owner);
  return [...running.keys()];
}

function watchEnd(): void {
  watching = true;
  process.on('beforeExit', endChildren);
  betweenFinalizers(abandonChildren);
}

// They are the parent's.
afterForkInChild(() => {
  for (const child of running.values()) child.disown();
  running.clear();
  process.off('beforeExit', endChildren);
  watching = false;
});

// At the natural end: daemons are told to end, and everybody is waited for. Node asks again after each round of events,
// so whatever the program does meanwhile, also starting more, is done first.
function endChildren(): void {
  runningOwners();
  if (running.size > 0) runFinalizers(0);
  for (const [owner, child] of running) {
    if (told.has(child)) continue;
    told.add(child);
    if (owner.daemon) {
      getLogger().info('calling terminate() for daemon %s', owner.name);
      child.signal(SIGTERM);
      killAfterGrace(child);
    }
  }
  for (const [owner, child] of running) {
    getLogger().info('calling join() for process %s', owner.name);
    child.hold(true);
  }
}

function killAfterGrace(child: Child): void {
  const grace = native.graceBegin(child.pid, daemonGrace);
  const look = () => {
    if (child.poll() !== null) return;
    if (native.graceIsOver(grace)) child.signal(SIGKILL);
    else setTimeout(look, graceLook).unref();
  };
  look();
}

// At process.exit(), or after an error that nobody caught: nothing can be waited for any more. Daemons that do not mind
// SIGTERM end by the tie to this process's life.
function abandonChildren(): void {
  for (const [owner, child] of running) if (owner.daemon) child.signal(SIGTERM);
}
