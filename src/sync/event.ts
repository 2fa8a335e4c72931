/** Event: a flag that threads of any processes set, clear and wait for. */

import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { layout, native, TargetKind } from '../native.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  Block,
  BlockKind,
  blockOf,
  closedError,
  type Mode,
  type NameOptions,
  nameOptions,
  type Shape,
} from '../shared/block.js';
import { stateForm } from '../shared/text-form.js';
import { Gathering } from './gathering.js';
import { missed } from './wait-queue.js';

const shape: Shape = { kind: BlockKind.event, type: 0, flags: 0, length: 0, size: 32 };
const setBit = 1;
/** Raised by every `set()`: a wait is over once it is another one than when the wait began. */
const generationBits = 0x7ffffffe;

/**
 * A flag that is clear at first; mirrors `multiprocessing.Event`.
 *
 * `set()` wakes all waiters of that moment, also if `clear()` follows at once, and never waits for them (in CPython it
 * waits for each waiter, also for one that was killed).
 */
export class Event {
  #open: { readonly words: Int32Array; readonly index: number; readonly gathering: Gathering } | undefined;
  readonly #block: Block;

  /**
   * Makes an anonymous event, or opens the named one, which is made if it is missing.
   *
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(options?: NameOptions);
  /** @internal */
  constructor(block: Block);
  constructor(options?: NameOptions | Block) {
    refuseClones(this);
    const block = options instanceof Block ? options : obtain('open-or-create', options);
    this.#block = block;
    this.#open = {
      words: block.segment.words,
      index: (block.body + layout.wordOffset) / 4,
      gathering: new Gathering(TargetKind.event, block),
    };
  }

  /** Makes an event that must not exist yet: `EEXIST`. */
  static create(options?: NameOptions): Event {
    return new Event(obtain('create', options));
  }

  /** Opens an event that must exist: `ENOENT`. */
  static open(name: string): Event {
    return new Event(Block.open(name, BlockKind.event));
  }

  /** Removes the name; processes that have the event open can still use it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous event. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /** Sets the flag and wakes all waiters; does nothing if it is set already. */
  set(): void {
    this.#opened;
    native.eventSet(this.#block.segment.id, this.#block.body);
  }

  /** Clears the flag: later waits wait. */
  clear(): void {
    const { words, index } = this.#opened;
    Atomics.and(words, index, ~setBit);
  }

  /** Whether the flag is set at this moment. */
  isSet(): boolean {
    return (this.#word & setBit) !== 0;
  }

  /**
   * Waits until the flag is set, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  async wait(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const { gathering } = this.#opened;
    const before = this.#word;
    if ((before & setBit) !== 0) return true;
    if (parsed.deadline <= 0) return false;
    const won = await gathering.wait(this, parsed, before & generationBits);
    // The timer may be served before a set() that came first.
    return won !== missed || (this.#open !== undefined && this.#happenedSince(before));
  }

  /**
   * Waits until the flag is set, blocking the thread; no JavaScript runs meanwhile, signal handlers included.
   *
   * @returns `false` if the time passed
   */
  waitSync(wait?: Wait): boolean {
    const deadline = parseSyncWait(wait);
    const before = this.#word;
    if ((before & setBit) !== 0) return true;
    const { segment, body } = this.#block;
    return deadline > 0 && native.eventWait(segment.id, body, before & generationBits, deadline);
  }

  /** Lets go of the event in this process. Waits that are pending here fail. Idempotent. */
  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.gathering.close(this, closedError('Event'));
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous event. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [inspect.custom](): string {
    return stateForm(this, this.#open === undefined ? 'closed' : this.isSet() ? 'set' : 'unset');
  }

  /** @internal */
  [blockOf](): Block {
    this.#opened;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#opened;
    return this.#block.depart(HandleKind.event);
  }

  get #opened() {
    if (this.#open === undefined) throw closedError('Event');
    return this.#open;
  }

  get #word(): number {
    const { words, index } = this.#opened;
    return Atomics.load(words, index);
  }

  #happenedSince(before: number): boolean {
    const word = this.#word;
    return (word & setBit) !== 0 || ((word ^ before) & generationBits) !== 0;
  }
}
isNoData(Event);

registerArrival(HandleKind.event, (handle) => new Event(Block.arrive(handle, BlockKind.event)));

function obtain(mode: Mode, options: NameOptions | undefined): Block {
  nameOptions.check(options, 'Event');
  return Block.obtain(mode, shape, options, () => {});
}
