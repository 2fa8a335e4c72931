/** A task of a pool, as the parent keeps it until a worker has said what came of it. */
import type { PoolFunction } from './functions.js';
import type { Packing, Payload } from './payload.js';
import type { Application } from './task-record.js';

/** What a task is made of. */
export interface TaskOptions {
  readonly fn: PoolFunction;
  readonly application: Application;
  /** From the start of its run, in ms; `Infinity` for no limit. */
  readonly timeout: number;
  /** Whether it may be interrupted. */
  readonly interruptible: boolean;
}

/** What came of a task, as bytes. */
export interface RawOutcome {
  readonly ok: boolean;
  readonly packing: Packing;
  /** Not numbers: {@link PoolTask.numbers} got those. */
  readonly values: readonly unknown[];
  readonly row: number;
  readonly waited: number;
  readonly ran: number;
}

/** One task. Subclasses know who waits for it. */
export abstract class PoolTask {
  readonly fn: PoolFunction;
  readonly application: Application;
  readonly timeout: number;
  readonly interruptible: boolean;
  /** Its number among those in flight; −1 while it is in nobody's hands but the parent's. */
  place = -1;
  /** Of its record in the ring, in 32 bits. */
  ordinal = 0;
  /** Bytes of it. */
  size = 0;
  /** When it was given to the pool. */
  submitted = 0;
  /** Whether whoever waits for it has been told: what comes is of no interest any more. */
  over = false;
  /** While it is in nobody's hands but the parent's. */
  payload: Payload | undefined;
  timer: NodeJS.Timeout | undefined;

  constructor({ fn, application, timeout, interruptible }: TaskOptions) {
    this.fn = fn;
    this.application = application;
    this.timeout = timeout;
    this.interruptible = interruptible;
  }

  /** Called once. `value`: of a chunk the results, unless {@link numbers} got them; or why there is none. */
  abstract settle(ok: boolean, value: unknown): void;

  /** Takes the outcome as bytes, for another process: then {@link settle} is only called with errors of this side. */
  relay?(outcome: RawOutcome): void;

  /** The result is there, and cannot be had while the thread is blocked; it is settled later. */
  stick(_error: unknown): void {}

  /** The results of a chunk as numbers, to be copied. */
  numbers(_numbers: Int32Array | Float64Array, _at: number, _count: number): void {}
}

/** A task with one result. */
export class SingleTask extends PoolTask {
  readonly #settled: (ok: boolean, value: unknown) => void;
  readonly #stuck: ((error: unknown) => void) | undefined;

  constructor(options: TaskOptions, settled: (ok: boolean, value: unknown) => void, stuck?: (error: unknown) => void) {
    super(options);
    this.#settled = settled;
    this.#stuck = stuck;
  }

  override stick(error: unknown): void {
    this.#stuck?.(error);
  }

  settle(ok: boolean, value: unknown): void {
    this.#settled(ok, value);
  }
}
