/** The part of a pool that runs tasks: on workers of its own, or on those of a host that several programs share. */
import type { Readable } from 'node:stream';
import type { Block } from '../shared/block.js';
import type { Interrupt } from './board.js';
import type { PoolFunction } from './functions.js';
import type { Histogram } from './histogram.js';
import type { Payload } from './payload.js';
import type { PoolWorkerStats } from './stats.js';
import type { PoolTask } from './task.js';
import type { WorkerEnd } from './worker-source.js';

/** The interface to which calls, maps and imaps submit their tasks. */
export interface TaskRunner {
  readonly functions: { of(target: unknown): PoolFunction };
  /** Whether a further submission is useful before an outcome arrives. */
  readonly isRoomy: boolean;
  /** Packs values that go to another machine; absent: they stay on this one. */
  pack?(values: readonly unknown[], root: string): Payload;
  /** Takes a task and reads its payload now. */
  submit(task: PoolTask, payload: Payload): void;
  /** Cancels the task: settles it with the reason, and interrupts the worker if it is running. */
  giveUp(task: PoolTask, why: Interrupt, reason: unknown): void;
}

export interface Engine extends TaskRunner {
  readonly size: number;
  /** Number of tasks that no worker has settled. */
  readonly unfinished: number;
  /** Number of unfinished tasks that no worker has taken. */
  readonly queued: number;
  readonly completed: number;
  readonly failed: number;
  readonly lost: number;
  readonly runTime: Histogram;
  readonly waitTime: Histogram;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** The block that `inspect` shows. */
  readonly block: Block;
  workers(): PoolWorkerStats[];
  /** Serves outcomes without the event loop, until one arrives or the deadline passes. */
  serveSync(deadline: number): void;
  /** Handles workers that have ended. */
  poll(): void;
  /** Lets the workers end after all work is done. */
  finish(): void;
  /** Fails all unfinished tasks and terminates running ones. */
  terminate(reason: unknown): void;
  /** Ends the workers at the end of the program, and settles nothing. */
  leave(): void;
  /** Keeps the program alive until the workers have ended. */
  hold(): void;
  /** Forgets workers and tasks in the child of a fork: they are the parent's. */
  forget(): void;
}

/** A worker that ended unexpectedly. */
export interface LostWorker extends WorkerEnd {
  readonly pid: number;
  readonly name: string;
}

/** Events that an engine reports to its pool. */
export interface EngineOwner {
  /** An outcome was served: there may be room, or no work left. */
  moved(): void;
  /** There will be no workers. */
  failed(error: unknown): void;
  /** All workers have ended, or this pool has left the shared ones. */
  gone(): void;
  /** A worker died. */
  lost(worker: LostWorker): void;
  /** A worker was started or has ended. */
  crewChanged?(): void;
  /** A task was settled; `pid` is that of the worker that ran it. */
  finished(task: PoolTask, pid: number | undefined, ok: boolean, waited: number, ran: number): void;
}

/** Key of a function in the options of a pool that makes its engine, for subclasses whose tasks run elsewhere. */
export const engineMaker: unique symbol = Symbol('multiproc.engine');

export interface WithEngine {
  readonly [engineMaker]?: (owner: EngineOwner) => Engine;
}
