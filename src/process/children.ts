/** The children of this process that may still run, and what becomes of them when this process ends. */
import { constants } from 'node:os';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { betweenFinalizers, runFinalizers } from '../lifecycle/finalize.js';
import { getLogger } from '../logging.js';
import { native } from '../native.js';
import { setTimeout } from '../timing.js';
import type { Child } from './child.js';
import type { Launcher } from './launchers/launcher.js';

const { SIGKILL, SIGTERM } = constants.signals;

/** What is known of the owner of a child. */
interface Owner {
  readonly name: string;
  readonly daemon: boolean;
}

/** How long a daemon may take to end once it was told to, in ms; what it waits for a processor does not count. */
export const daemonGrace = 400;
const graceLook = 20;

interface Running {
  readonly child: Child;
  /** The one that the owner has of its own, instead of a start method's. */
  readonly launcher: Launcher | undefined;
}

const running = new Map<Owner, Running>();
const told = new WeakSet<Child>();
let watching = false;

/** A child was started. */
export function track(owner: Owner, child: Child, launcher: Launcher | undefined): void {
  if (!watching) watchEnd();
  running.set(owner, { child, launcher });
  child.onEnd(() => running.get(owner)?.child === child && running.delete(owner), false);
}

/** The owners of those that run and were launched so; without a launcher by start methods. */
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

// At the natural end: daemons are told to end, and everybody is waited for. Node asks again after each round of events,
// so whatever the program does meanwhile, also starting more, is done first.
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

// At process.exit(), or after an error that nobody caught: nothing can be waited for any more. Daemons that do not mind
// SIGTERM end by the tie to this process's life.
function abandonChildren(): void {
  for (const [owner, { child }] of running) if (owner.daemon) child.signal(SIGTERM);
}
