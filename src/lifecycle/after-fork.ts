/** Callbacks in the child of a fork, before any other code runs there. */
import { native } from '../native.js';
import { routeExit } from './child-exit.js';
import { correctIdentity, type Identity } from './child-identity.js';
import { freshRandomness } from './child-randomness.js';
import { ownStdio } from './child-stdio.js';
import { dropModuleHooks } from './module-hooks.js';

const callbacks = new Set<() => void>();

/** Number of forks of this process. Its children may have its state as of each. A live binding. */
export let forks = 0;

/**
 * Has `callback` run in every child that this process forks from now on, on the forking thread, after the process has
 * been put right (pid, randomness, stdio, exit) and before the fork returns. Callbacks run in the order of registration.
 * One that throws ends the child with exit code 1: half-corrected, it could do harm to what it shares with its parent.
 *
 * @returns a function that takes the callback back
 */
export function afterForkInChild(callback: () => void): () => void {
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
  };
}

const preparations = new Set<() => () => void>();

/**
 * Runs `prepare` before every fork of this process: for state that a child must have before its parent continues. The
 * returned function is called if the fork fails.
 */
export function beforeFork(prepare: () => () => void): void {
  preparations.add(prepare);
}

/** Forks with everything that a forked Node needs. Returns the child's pid; 0 in the child. */
export function forkRepaired(identity?: Identity): number {
  const undo = [...preparations].map((prepare) => prepare());
  let pid: number;
  try {
    pid = native.forkProcess();
  } catch (error) {
    for (const back of undo) back();
    throw error;
  }
  forks++;
  if (pid === 0) becomeChild(identity);
  return pid;
}

/**
 * The same, but signals to the child wait until it calls `releaseSignals`: one that came before the child minds them as
 * it is to would be lost, and who has its pid may send it at once.
 */
export function forkHoldingSignals(identity?: Identity): number {
  let pid = -1;
  native.holdSignals();
  try {
    pid = forkRepaired(identity);
    return pid;
  } finally {
    if (pid !== 0) native.releaseSignals();
  }
}

function becomeChild(identity: Identity | undefined): void {
  try {
    native.doWithoutHelperThreads();
    correctIdentity(identity);
    ownStdio();
    routeExit();
    freshRandomness();
    dropModuleHooks();
    for (const callback of callbacks) callback();
  } catch (error) {
    // Not thrown: the caller of fork would take it for a failure in the parent, and do the parent's work twice.
    const text = error instanceof Error ? error.stack : String(error);
    native.writeAll(2, Buffer.from(`The forked child could not be set up: ${text}\n`));
    native.exitNow(1);
  }
}
