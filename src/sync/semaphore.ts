/** Semaphore: a number of permits that threads of any processes take and give back. */

import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { layout } from '../native.js';
import { describe } from '../options/describe.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  Block,
  BlockKind,
  blockOf,
  closedError,
  kindNames,
  lasting,
  type Mode,
  type NameOptions,
  objectName,
  robustFlag,
  type Shape,
} from '../shared/block.js';
import { textForm } from '../shared/text-form.js';
import { type Hold, holdOf } from './hold.js';
import { checkFunction, timedOut } from './lock.js';
import { closedWords } from './lock-state.js';
import { mostPermits, type SemaphoreState, semaphoreState } from './semaphore-state.js';

/** Options of {@link Semaphore}; those of a named one are compared on opening. */
export interface SemaphoreOptions extends NameOptions {
  /**
   * The permits name their holders: those of a thread that died or ended are free again, and only a holder can release.
   * At most 1,048,576 permits. Costs about 0.2 µs more a call.
   */
  robust?: boolean | undefined;
}

const semaphoreOptions = new OptionTable<SemaphoreOptions>({ name: objectName, robust: boolean });

const won = Promise.resolve(true);

/**
 * A counting semaphore; mirrors `multiprocessing.Semaphore`. Permits have no owner, unless it is robust: any thread may
 * release, also above the initial value.
 */
export class Semaphore {
  #words: Int32Array;
  #index: number;
  #state: SemaphoreState | undefined;
  readonly #limit: number;
  readonly #block: Block;

  /**
   * Makes an anonymous semaphore, or opens the named one, which is made with `value` permits if it is missing.
   *
   * @param value how many permits there are at first, 0 … 2^31−1; counts only for the process that creates it. A semaphore that
   *   exists with another {@link initialValue} keeps it, and the process warns once. To change it: `unlink()` the name in
   *   one process, and make the semaphore anew in all
   * @throws ValueError for a negative or too large `value`
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(value?: number, options?: SemaphoreOptions);
  /** @internal */
  constructor(block: Block);
  constructor(value?: number | Block, options?: SemaphoreOptions) {
    refuseClones(this);
    const kind = (new.target as typeof Semaphore).blockKind;
    const block =
      value instanceof Block ? value : obtain('open-or-create', kind, value === undefined ? 1 : value, options);
    if (typeof value === 'number' && block.length !== value) warnOfValue(block, value);
    const robust = (block.flags & robustFlag) !== 0;
    this.#block = block;
    this.#limit = kind === BlockKind.boundedSemaphore ? block.length : mostPermits;
    this.#state = semaphoreState(block, this.#limit);
    // The fast path cannot serve a table of permits: with these words it always takes the slow one.
    this.#words = robust ? closedWords : block.segment.words;
    this.#index = robust ? 0 : (block.body + layout.wordOffset) / 4;
  }

  /** @internal */
  static get blockKind(): BlockKind {
    return BlockKind.semaphore;
  }

  /** Makes a semaphore that must not exist yet: `EEXIST`. */
  static create<S extends typeof Semaphore>(this: S, value = 1, options?: SemaphoreOptions): InstanceType<S> {
    return Semaphore.#adopt(this, obtain('create', Semaphore.#kindOf(this), value, options));
  }

  /** Opens a semaphore that must exist: `ENOENT`. */
  static open<S extends typeof Semaphore>(this: S, name: string): InstanceType<S> {
    return Semaphore.#adopt(this, Block.open(name, Semaphore.#kindOf(this)));
  }

  /** Removes the name; processes that have the semaphore open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  static #adopt<S extends typeof Semaphore>(semaphoreClass: S, block: Block): InstanceType<S> {
    return new (semaphoreClass as unknown as new (block: Block) => InstanceType<S>)(block);
  }

  static #kindOf(semaphoreClass: typeof Semaphore): BlockKind {
    return semaphoreClass.blockKind;
  }

  /** The number of permits that the semaphore was made with, by whichever process made it. */
  get initialValue(): number {
    return this.#block.length;
  }

  /** `undefined` for an anonymous semaphore. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /**
   * Takes a permit, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  acquire(wait?: Wait): Promise<boolean> {
    if (wait === undefined) {
      const word = Atomics.load(this.#words, this.#index);
      if (word > 0 && Atomics.compareExchange(this.#words, this.#index, word, word - 1) === word) return won;
    }
    return this.#acquireSlow(wait);
  }

  /**
   * Takes a permit, blocking the thread; no JavaScript runs meanwhile, signal handlers included.
   *
   * @returns `false` if the time passed
   */
  acquireSync(wait?: Wait): boolean {
    if (wait === undefined) {
      const word = Atomics.load(this.#words, this.#index);
      if (word > 0 && Atomics.compareExchange(this.#words, this.#index, word, word - 1) === word) return true;
    }
    return this.#open.takeSync(parseSyncWait(wait));
  }

  /** Takes a permit if there is one. */
  tryAcquire(): boolean {
    const word = Atomics.load(this.#words, this.#index);
    if (word > 0 && Atomics.compareExchange(this.#words, this.#index, word, word - 1) === word) return true;
    return this.#open.tryTake();
  }

  /**
   * Gives `n` permits back.
   *
   * @throws ValueError, with nothing changed, above 2^31−1; for a {@link BoundedSemaphore} above its initial value; for a
   *   robust one if this thread does not hold so many
   */
  release(n = 1): void {
    if (n === 1) {
      const word = Atomics.load(this.#words, this.#index);
      // A negative word: at least one waiter may be parked.
      if (word >= 0 && word < this.#limit) {
        if (Atomics.compareExchange(this.#words, this.#index, word, word + 1) === word) return;
      }
    } else {
      checkCount('n', n, 1);
    }
    this.#open.giveBack(n);
  }

  /** Returns the number of free permits at this moment; mirrors `get_value`. */
  getValue(): number {
    return this.#open.free();
  }

  /** Whether no permit is free at this moment. */
  locked(): boolean {
    return this.getValue() === 0;
  }

  /**
   * Runs `fn` while a permit is held, and returns its result.
   *
   * @throws TimeoutError if the time passed before there was a permit
   */
  async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    if (!(await this.acquire(wait))) throw timedOut('The semaphore');
    try {
      return await fn();
    } finally {
      this.release();
    }
  }

  /** As {@link run}, blocking the thread. `fn` is synchronous: the permit is given back when it returns. */
  runSync<T>(fn: () => T, wait?: Wait): T {
    checkFunction(fn);
    if (!this.acquireSync(wait)) throw timedOut('The semaphore');
    try {
      return fn();
    } finally {
      this.release();
    }
  }

  /**
   * Takes a permit for a `using` block.
   *
   * @throws TimeoutError if the time passed
   */
  async hold(wait?: Wait): Promise<Hold> {
    if (!(await this.acquire(wait))) throw timedOut('The semaphore');
    return holdOf(false, () => this.release());
  }

  /** As {@link hold}, blocking the thread. */
  holdSync(wait?: Wait): Hold {
    if (!this.acquireSync(wait)) throw timedOut('The semaphore');
    return holdOf(false, () => this.release());
  }

  /** Lets go of the semaphore in this process; permits stay taken. Waits that are pending here fail. Idempotent. */
  close(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    this.#words = closedWords;
    this.#index = 0;
    state.leave(this, closedError(this.constructor.name));
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous semaphore. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [inspect.custom](): string {
    const state = this.#state;
    if (state === undefined) return textForm(this, undefined);
    const value = `value=${state.free()}`;
    const bounded = this.#block.kind === BlockKind.boundedSemaphore;
    return textForm(this, bounded ? [value, `maxvalue=${this.#limit}`] : [value]);
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    const bounded = this.#block.kind === BlockKind.boundedSemaphore;
    return this.#block.depart(bounded ? HandleKind.boundedSemaphore : HandleKind.semaphore);
  }

  get #open(): SemaphoreState {
    if (this.#state === undefined) throw closedError(this.constructor.name);
    return this.#state;
  }

  async #acquireSlow(wait: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const state = this.#open;
    return state.tryTake() || (parsed.deadline > 0 && state.take(this, parsed));
  }
}
isNoData(Semaphore);

/**
 * A semaphore that refuses to be released above its initial value; mirrors `multiprocessing.BoundedSemaphore` (and, unlike
 * CPython on Linux before 3.14, keeps that promise): `ValueError`, value unchanged.
 */
export class BoundedSemaphore extends Semaphore {
  /** @internal */
  static override get blockKind(): BlockKind {
    return BlockKind.boundedSemaphore;
  }
}

registerArrival(HandleKind.semaphore, (handle) => new Semaphore(Block.arrive(handle, BlockKind.semaphore)));

registerArrival(
  HandleKind.boundedSemaphore,
  (handle) => new BoundedSemaphore(Block.arrive(handle, BlockKind.boundedSemaphore)),
);

function obtain(mode: Mode, kind: BlockKind, value: number, options: SemaphoreOptions | undefined): Block {
  checkCount('value', value, 0);
  semaphoreOptions.check(options, kindNames[kind] as string);
  const robust = options?.robust ?? false;
  if (robust && (value < 1 || value > layout.maxRobustPermits)) {
    throw new ValueError(`Expected "value" of a robust semaphore to be 1 … ${layout.maxRobustPermits}, got ${value}`);
  }
  const size = robust ? layout.tableOffset + 4 * value : 32;
  const shape: Shape = { kind, type: 0, flags: robust ? robustFlag : 0, length: value, size };
  return Block.obtain(mode, shape, options, (block) => {
    // A robust one starts as it is: a table of zeros.
    if (!robust) block.segment.words[(block.body + layout.wordOffset) / 4] = value;
  });
}

const warned = new Set<string>();

/** The semaphore exists with another value than the one that was asked for, which would go unnoticed. */
function warnOfValue({ name, length, kind }: Block, value: number): void {
  if (name === undefined || warned.has(name)) return;
  warned.add(name);
  process.emitWarning(
    `The ${kindNames[kind]} named '${name}' exists with an initial value of ${length}, and keeps it: ${value} was asked for. ` +
      `${lasting(name)[0]?.toUpperCase()}${lasting(name).slice(1)}`,
    { type: 'MultiprocWarning', code: 'MULTIPROC_SEMAPHORE_VALUE' },
  );
}

function checkCount(what: string, value: unknown, least: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`Expected "${what}" to be an integer, got ${describe(value)}`);
  }
  if (value < least || value > mostPermits) {
    throw new ValueError(`Expected "${what}" to be ${least} … ${mostPermits}, got ${value}`);
  }
}
