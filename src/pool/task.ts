/** A task of a pool, as the parent keeps it until its outcome arrives. */
import type { PoolFunction } from './functions.js';
import type { Packing, Payload } from './payload.js';
import type { Application } from './task-record.js';

/** Properties of a task. */
export interface TaskOptions {
  readonly fn: PoolFunction;
  readonly application: Application;
  /** Upper bound in ms from the start of its run; `Infinity` for none. */
  readonly timeout: number;
  /** Whether it may be interrupted. */
  readonly interruptible: boolean;
}

/** The outcome of a task, as bytes. */
export interface RawOutcome {
  readonly ok: boolean;
  readonly packing: Packing;
  /** Values except numbers: {@link PoolTask.numbers} receives those. */
  readonly values: readonly unknown[];
  readonly row: number;
  readonly waited: number;
  readonly ran: number;
}

/** One task. Subclasses deliver its outcome. */
export abstract class PoolTask {
  readonly fn: PoolFunction;
  readonly application: Application;
  readonly timeout: number;
  readonly interruptible: boolean;
  /** Its number among those in flight; −1 while only the parent has it. */
  place = -1;
  /** Ordinal of its record in the ring, in 32 bits. */
  ordinal = 0;
  /** Its size in bytes. */
  size = 0;
  /** Time of its submission. */
  submitted = 0;
  /** Whether it has settled: a later outcome is ignored. */
  over = false;
  /** Present while only the parent has it. */
  payload: Payload | undefined;
  timer: NodeJS.Timeout | undefined;

  constructor({ fn, application, timeout, interruptible }: TaskOptions) {
    this.fn = fn;
    this.application = application;
    this.timeout = timeout;
    this.interruptible = interruptible;
  }

  /**
   * Settles the task; called once. `value`: the results of a chunk, unless {@link numbers} received them; or the error.
   */
  abstract settle(ok: boolean, value: unknown): void;

  /**
   * Receives the outcome as bytes, for another process: {@link settle} is then called only with errors of this side.
   */
  relay?(outcome: RawOutcome): void;

  /** Called when the result has arrived but cannot be decoded while the thread is blocked; it is settled later. */
  stick(_error: unknown): void {}

  /** Receives the results of a chunk as numbers, to be copied. */
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
