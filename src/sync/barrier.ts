/** Barrier: a place where a fixed number of threads wait for each other, round after round. */

import { inspect } from 'node:util';
import { type ParsedWait, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { BrokenBarrierError, MultiprocError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { layout, native, TargetKind } from '../native.js';
import { describe } from '../options/describe.js';
import { callable, milliseconds, nullable } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  actionFlag,
  Block,
  BlockKind,
  blockOf,
  closedError,
  lasting,
  type Mode,
  type NameOptions,
  objectName,
  type Shape,
} from '../shared/block.js';
import { stateForm } from '../shared/text-form.js';
import { Arrivals, type Pending } from './arrivals.js';
import { Gathering } from './gathering.js';
import { missed } from './wait-queue.js';

/** The result of `native.barrierArrive` if the barrier is broken. */
const broken = -1;
const crowded = -2;

/** The result of `native.barrierWait` and the like for a passed barrier. */
const passed = 0;
const timedOut = 2;

/** Options of {@link Barrier}. */
export interface BarrierOptions extends NameOptions {
  /**
   * Called once in each round when all parties have arrived, before any of them continues, in the process of the last
   * one. Every process gives its own, by name; with the barrier it travels by reference, as all functions do. The
   * promise form awaits its result.
   */
  action?: (() => unknown) | null | undefined;
  /** For waits that name no time: milliseconds, `Infinity` for none. Absent: as the barrier was made. */
  timeout?: number | null | undefined;
}

const openFields = { action: nullable(callable<() => unknown>()), timeout: nullable(milliseconds) };
const openOptions = new OptionTable<Omit<BarrierOptions, 'name'>>(openFields);
const barrierOptions = new OptionTable<BarrierOptions>({ name: objectName, ...openFields });

/**
 * Lets `parties` waits pass together; mirrors `multiprocessing.Barrier`.
 *
 * A party that times out, is aborted, or dies while it waits breaks the barrier: all present and later waits get a
 * {@link BrokenBarrierError} until `reset()`. (In CPython the others wait indefinitely for a dead one.)
 */
export class Barrier {
  #open: { readonly gathering: Gathering; readonly rooms: Gathering; readonly arrivals: Arrivals } | undefined;
  readonly #block: Block;
  readonly #action: (() => unknown) | undefined;
  readonly #timeout: number;

  /**
   * Makes an anonymous barrier, or opens the named one, which is made if it is missing.
   *
   * @param parties how many waits pass together: 1 … 1,048,576
   * @throws ValueError for another number
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else, or to a
   *   barrier with other parties, or with an action where none is given, or the other way round
   */
  constructor(parties: number, options?: BarrierOptions);
  /** @internal */
  constructor(block: Block, options?: BarrierOptions);
  constructor(parties: number | Block, options?: BarrierOptions) {
    refuseClones(this);
    const block = parties instanceof Block ? parties : obtain('open-or-create', parties, options);
    this.#block = block;
    this.#action = options?.action ?? undefined;
    this.#timeout = options?.timeout ?? storedTimeout(block);
    this.#open = {
      gathering: new Gathering(TargetKind.barrier, block),
      rooms: new Gathering(TargetKind.barrierRoom, block),
      arrivals: Arrivals.of(block),
    };
  }

  /** Makes a barrier that must not exist yet: `EEXIST`. */
  static create(parties: number, options?: BarrierOptions): Barrier {
    return new Barrier(obtain('create', parties, options), options);
  }

  /**
   * Opens a barrier that must exist: `ENOENT`. Where it was made with an action and none is given here, everything but
   * waiting is possible.
   */
  static open(name: string, options?: Omit<BarrierOptions, 'name'>): Barrier {
    openOptions.check(options, 'Barrier.open');
    const block = Block.open(name, BlockKind.barrier);
    if (!options?.action || (block.flags & actionFlag) !== 0) return new Barrier(block, options);
    block.release();
    throw new MultiprocError(`The barrier named '${name}' was made without an action: ${lasting(String(block.name))}`, {
      code: 'ERR_MULTIPROC_KIND',
    });
  }

  /** Removes the name; processes that have the barrier open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous barrier. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /** Number of waits that pass together. */
  get parties(): number {
    this.#opened;
    return this.#block.length;
  }

  /** Number of current waits; 0 if the barrier is broken. Python: `n_waiting`. */
  get nWaiting(): number {
    return Math.max(this.#call(native.barrierWaiting), 0);
  }

  /** Whether the barrier is broken: no wait passes until `reset()`. */
  get broken(): boolean {
    return this.#call(native.barrierWaiting) === broken;
  }

  /**
   * Waits until all parties wait, without blocking the event loop. A wait that ends before that breaks the barrier.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: the barrier's own time-out. The time of the action
   *   counts.
   * @returns a number in 0 … parties−1, for each party another one, in the order in which they came
   * @throws BrokenBarrierError if the barrier is broken, is reset while this waits, or the time passed; rejects with
   *   the signal's reason, and with the error of the action here
   */
  async wait(wait?: Wait): Promise<number> {
    const parsed = parseWait(this.#withDefault(wait));
    parsed.signal?.throwIfAborted();
    this.#checkAction();
    // A wait needs the memory until it has left, also if the barrier is closed meanwhile.
    const block = this.#block.retain();
    try {
      let arrival = arriveAt(block);
      while (arrival === crowded) {
        await this.#waitForRoom(block, parsed);
        arrival = arriveAt(block);
      }
      if (arrival === broken) throw new BrokenBarrierError();
      const index = arrival % layout.maxParties;
      if (index === block.length - 1) {
        if (this.#action !== undefined) await this.#act(block, arrival);
        if (complete(block, arrival) !== passed) throw new BrokenBarrierError();
      } else {
        await this.#waitForOthers(block, arrival, parsed);
      }
      return index;
    } finally {
      block.release();
    }
  }

  /**
   * As {@link Barrier.wait}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. An action that returns
   * a promise is a `TypeError` here, and breaks the barrier.
   */
  waitSync(wait?: Wait): number {
    const deadline = parseSyncWait(this.#withDefault(wait));
    this.#checkAction();
    const block = this.#block;
    const { segment, body, length } = block;
    let arrival = arriveAt(block);
    while (arrival === crowded) {
      // Tasks of this thread cannot leave while it is blocked.
      this.#opened.arrivals.settle(block);
      if (!native.barrierRoom(segment.id, body, length, deadline)) {
        this.abort();
        throw outOfTime();
      }
      arrival = arriveAt(block);
    }
    if (arrival === broken) throw new BrokenBarrierError();
    const index = arrival % layout.maxParties;
    let outcome: number;
    if (index === length - 1) {
      this.#actSync(block, arrival);
      outcome = complete(block, arrival);
    } else {
      outcome = native.barrierWait(segment.id, body, length, arrival, deadline);
    }
    if (outcome === passed) return index;
    throw outcome === timedOut ? outOfTime() : new BrokenBarrierError();
  }

  /**
   * Resets the barrier. Waiting parties get a {@link BrokenBarrierError}; the result of a running action is ignored.
   */
  reset(): void {
    this.#call(native.barrierReset);
  }

  /** Breaks the barrier: all present and later waits get a {@link BrokenBarrierError} until `reset()`. */
  abort(): void {
    this.#call(native.barrierAbort);
  }

  /** Lets go of the barrier in this process. Waits that are pending here fail, which breaks it. Idempotent. */
  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.gathering.close(this, closedError('Barrier'));
    open.rooms.close(this, closedError('Barrier'));
    open.arrivals.drop();
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous barrier. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [inspect.custom](): string {
    if (this.#open === undefined) return stateForm(this, 'closed');
    return stateForm(this, this.broken ? 'broken' : `waiters=${this.nWaiting}/${this.parties}`);
  }

  /** @internal */
  [blockOf](): Block {
    this.#opened;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#opened;
    return this.#block.depart(HandleKind.barrier, 0, this.#action === undefined ? [] : [this.#action]);
  }

  get #opened() {
    if (this.#open === undefined) throw closedError('Barrier');
    return this.#open;
  }

  #call<T>(method: (segment: number, body: number, parties: number) => T): T {
    this.#opened;
    const { segment, body, length } = this.#block;
    return method(segment.id, body, length);
  }

  #withDefault(wait: Wait): Wait {
    if (wait === undefined || wait === null) return this.#timeout;
    if (typeof wait !== 'object') return wait;
    return { ...wait, timeout: wait.timeout ?? this.#timeout };
  }

  #checkAction(): void {
    this.#opened;
    if (this.#action !== undefined || (this.#block.flags & actionFlag) === 0) return;
    throw new ValueError('The barrier was made with an action: whoever waits must give it, too');
  }

  async #waitForRoom(block: Block, wait: ParsedWait): Promise<void> {
    try {
      if (wait.deadline > 0 && (await this.#opened.rooms.wait(this, wait, 0)) !== missed) return;
    } catch (error) {
      native.barrierAbort(block.segment.id, block.body, block.length);
      throw error;
    }
    native.barrierAbort(block.segment.id, block.body, block.length);
    throw outOfTime();
  }

  async #waitForOthers(block: Block, arrival: number, wait: ParsedWait): Promise<void> {
    const { arrivals, gathering } = this.#opened;
    const pending = arrivals.add(arrival);
    const tag = Math.floor(arrival / layout.maxParties);
    try {
      const won = wait.deadline <= 0 ? missed : await gathering.wait(this, wait, tag);
      // The timer may be served before a passage that came first.
      if (leave(block, pending, won !== missed) === passed) return;
      throw won === missed && pending.outcome === undefined ? outOfTime() : new BrokenBarrierError();
    } catch (error) {
      if (error instanceof BrokenBarrierError) throw error;
      // The signal, or close(). If all have passed, so has this.
      if (leave(block, pending, false) !== passed || this.#open === undefined) throw error;
    } finally {
      arrivals.remove(pending);
    }
  }

  async #act(block: Block, arrival: number): Promise<void> {
    try {
      await this.#action?.();
    } catch (error) {
      giveUp(block, arrival);
      throw error;
    }
  }

  #actSync(block: Block, arrival: number): void {
    if (this.#action === undefined) return;
    try {
      const result = this.#action() as { then?: unknown } | undefined;
      if (typeof result?.then !== 'function') return;
      throw new TypeError('The action returns a promise: only wait() can await it, waitSync() cannot');
    } catch (error) {
      giveUp(block, arrival);
      throw error;
    }
  }
}
isNoData(Barrier);

registerArrival(HandleKind.barrier, (handle) => {
  const action = handle.nested[0] as (() => unknown) | undefined;
  return new Barrier(Block.arrive(handle, BlockKind.barrier), { action });
});

function arriveAt({ segment, body, length }: Block): number {
  return native.barrierArrive(segment.id, body, length);
}

function complete({ segment, body, length }: Block, arrival: number): number {
  return native.barrierComplete(segment.id, body, length, arrival);
}

function giveUp({ segment, body, length }: Block, arrival: number): number {
  return native.barrierGiveUp(segment.id, body, length, arrival);
}

/** The wait is over. `ended`: the generation has ended, so nothing is broken by leaving it. */
function leave(block: Block, pending: Pending, ended: boolean): number {
  if (pending.outcome !== undefined) return pending.outcome;
  const { segment, body, length } = block;
  return (ended ? native.barrierLeave : native.barrierGiveUp)(segment.id, body, length, pending.arrival);
}

function outOfTime(): BrokenBarrierError {
  return new BrokenBarrierError('The barrier is broken: not all parties came within the time of this wait');
}

function storedTimeout({ segment, body }: Block): number {
  const stored = segment.view(Float64Array)[(body + layout.barrierOffset + layout.barrierTimeoutOffset) / 8] as number;
  return stored >= 1 ? stored - 1 : Infinity;
}

function obtain(mode: Mode, parties: number, options: BarrierOptions | undefined): Block {
  if (typeof parties !== 'number' || !Number.isInteger(parties)) {
    throw new TypeError(`Expected "parties" to be an integer, got ${describe(parties)}`);
  }
  if (parties < 1 || parties > layout.maxParties) {
    throw new ValueError(`Expected "parties" to be 1 … ${layout.maxParties}, got ${parties}`);
  }
  barrierOptions.check(options, 'Barrier');
  const shape: Shape = {
    kind: BlockKind.barrier,
    type: 0,
    flags: options?.action ? actionFlag : 0,
    length: parties,
    size: layout.barrierOffset + layout.barrierSize + 2 * 8 * parties,
  };
  return Block.obtain(mode, shape, options, ({ segment, body }) => {
    const timeout = options?.timeout ?? Infinity;
    const index = (body + layout.barrierOffset + layout.barrierTimeoutOffset) / 8;
    segment.view(Float64Array)[index] = timeout === Infinity ? 0 : Math.max(timeout, 0) + 1;
  });
}
