/** What runs the tasks of a pool: workers of its own, or those of a host that several programs share. */
import type { Readable } from 'node:stream';
import type { Block } from '../shared/block.js';
import type { Interrupt } from './board.js';
import type { PoolFunction } from './functions.js';
import type { Histogram } from './histogram.js';
import type { Payload } from './payload.js';
import type { PoolWorkerStats } from './stats.js';
import type { PoolTask } from './task.js';
import type { WorkerEnd } from './worker-source.js';

/** Where calls, maps and imaps hand in their tasks. */
export interface TaskRunner {
  readonly functions: { of(target: unknown): PoolFunction };
  /** Whether it makes sense to hand in more before something is done. */
  readonly isRoomy: boolean;
  /** Takes a task. What is in the payload is read now. */
  submit(task: PoolTask, payload: Payload): void;
  /** Cancels the task: settles it with the reason, and interrupts the worker if it is running. */
  giveUp(task: PoolTask, why: Interrupt, reason: unknown): void;
}

export interface Engine extends TaskRunner {
  readonly size: number;
  /** How many tasks no worker has settled. */
  readonly unfinished: number;
  /** How many of those no worker has taken. */
  readonly queued: number;
  readonly completed: number;
  readonly failed: number;
  readonly lost: number;
  readonly runTime: Histogram;
  readonly waitTime: Histogram;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** What `inspect` shows. */
  readonly block: Block;
  workers(): PoolWorkerStats[];
  /** Serves outcomes without the event loop, until something came or the deadline passed. */
  serveSync(deadline: number): void;
  /** Looks for workers that have ended. */
  poll(): void;
  /** All work is done: the workers may end. */
  finish(): void;
  /** Fails all unfinished tasks, and ends what runs. */
  terminate(reason: unknown): void;
  /** At the end of the program: ends the workers, and settles nothing. */
  leave(): void;
  /** The end of the workers keeps the program alive. */
  hold(): void;
  /** In the child of a fork: workers and tasks are the parent's. */
  forget(): void;
}

/** A worker that ended and should not have. */
export interface LostWorker extends WorkerEnd {
  readonly pid: number;
  readonly name: string;
}

/** What an engine reports to its pool. */
export interface EngineOwner {
  /** An outcome was served: there may be room, or nothing left to do. */
  moved(): void;
  /** There will be no workers. */
  failed(error: unknown): void;
  /** All workers have ended, or this pool's share in them. */
  gone(): void;
  /** A worker died. */
  lost(worker: LostWorker): void;
  /** A worker was started, or has ended. */
  crewChanged?(): void;
  /** A task was settled; `pid` of the worker that ran it. */
  finished(task: PoolTask, pid: number | undefined, ok: boolean, waited: number, ran: number): void;
}
