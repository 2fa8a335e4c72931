/** What happens in the child of a fork before anybody else's code runs there. */
import { setFlagsFromString } from 'node:v8';
import { native } from '../native.js';
import { routeExit } from './child-exit.js';
import { correctIdentity, type Identity } from './child-identity.js';
import { freshRandomness } from './child-randomness.js';
import { ownStdio } from './child-stdio.js';
import { dropModuleHooks } from './module-hooks.js';

const callbacks = new Set<() => void>();

/** How often this process has forked. Its children may have whatever it had then. A live binding. */
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
 * Has `prepare` run before every fork of this process: for what a child must have before its parent goes on. What it
 * returns is called if there is no child after all.
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

function becomeChild(identity: Identity | undefined): void {
  try {
    native.doWithoutHelperThreads();
    compileLoopsWhole();
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

/** From Node 22 on V8 has a compiler between the first and the best one. */
const hasMidCompiler = Number(process.versions.node.split('.')[0]) >= 22;

/**
 * The option of node for a program whose code runs on in forked children: there the flag is off (see below), and what that
 * compiler made before, with the flag on, may end a child by a check of V8.
 */
export const flagsForForking: readonly string[] = hasMidCompiler ? ['--no-maglev-osr'] : [];

// A loop that runs already and that the middle one has compiled is not compiled better any more where that cannot be done
// aside: programs of one long loop took six times as long.
function compileLoopsWhole(): void {
  if (hasMidCompiler) setFlagsFromString('--no-maglev-osr');
}
