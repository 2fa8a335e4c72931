/** The running children of this process, and their end with it. */
import { constants } from 'node:os';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { betweenFinalizers, runFinalizers } from '../lifecycle/finalize.js';
import { getLogger } from '../logging.js';
import { native } from '../native.js';
import { setTimeout } from '../timing.js';
import type { Child } from './child.js';
import type { Launcher } from './launchers/launcher.js';

const { SIGKILL, SIGTERM } = constants.signals;

/** The interface of a child's owner. */
interface Owner {
  readonly name: string;
  readonly daemon: boolean;
}

/** How long a daemon may take to end after SIGTERM, in ms; time that it waits for a processor does not count. */
export const daemonGrace = 400;
const graceLook = 20;

interface Running {
  readonly child: Child;
  /** The owner's own launcher, instead of that of a start method. */
  readonly launcher: Launcher | undefined;
}

const running = new Map<Owner, Running>();
const told = new WeakSet<Child>();
let watching = false;

/** Adds a started child. */
export function track(owner: Owner, child: Child, launcher: Launcher | undefined): void {
  if (!watching) watchEnd();
  running.set(owner, { child, launcher });
  child.onEnd(() => running.get(owner)?.child === child && running.delete(owner), false);
}

/** Returns the owners of running children of the launcher; without one, of all start methods. */
export function runningOwners(launcher: Launcher | undefined): Owner[] {
  reapEnded();
  return [...running].filter(([, each]) => each.launcher === launcher).map(([owner]) => owner);
}

export function reapEnded(): void {
  for (const [owner, { child }] of running) if (child.poll() !== null) running.delete(owner);
}

function watchEnd(): void {
  watching = true;
  process.on('beforeExit', endChildren);
  betweenFinalizers(abandonChildren);
}

// They are the parent's.
afterForkInChild(() => {
  for (const { child } of running.values()) child.disown();
  running.clear();
  process.off('beforeExit', endChildren);
  watching = false;
});

// At the natural end: sends SIGTERM to daemons, and waits for all children. Node asks again after each round of events,
// so work that the program does meanwhile, also starting more, is done first.
function endChildren(): void {
  reapEnded();
  if (running.size > 0) runFinalizers(0);
  for (const [owner, { child }] of running) {
    if (told.has(child)) continue;
    told.add(child);
    if (owner.daemon) {
      getLogger().info('calling terminate() for daemon %s', owner.name);
      child.signal(SIGTERM);
      killAfterGrace(child);
    }
  }
  for (const [owner, { child }] of running) {
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

// At process.exit(), or after an uncaught error: no wait is possible. Daemons that ignore SIGTERM end with this process
// by their life tie.
function abandonChildren(): void {
  for (const [owner, { child }] of running) if (owner.daemon) child.signal(SIGTERM);
}
