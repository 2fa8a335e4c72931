/** Counting of the permits of a semaphore: one way for plain ones, another for robust ones. */

import type { ParsedWait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { onReattach } from '../lifecycle/participant.js';
import { layout, native, TargetKind } from '../native.js';
import { type Block, robustFlag } from '../shared/block.js';
import { GivingWay } from './giving-way.js';
import { missed, WaitQueue } from './wait-queue.js';

/** The most permits that a plain semaphore can have. */
export const mostPermits = 2 ** 31 - 1;

/** Common operations of both kinds. `owner` is the object whose tasks wait. */
export interface SemaphoreState {
  tryTake(): boolean;
  takeSync(deadline: number): boolean;
  take(owner: object, wait: ParsedWait): Promise<boolean>;
  /** @throws ValueError with nothing changed, if so many may not be given back */
  giveBack(count: number): void;
  free(): number;
  leave(owner: object, reason: unknown): void;
}

/** The slow paths of a plain semaphore; its fast path is in the class. */
export class CountedState implements SemaphoreState {
  readonly #block: Block;
  readonly #limit: number;
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #queue: WaitQueue;
  readonly #row = new GivingWay();

  constructor(block: Block, limit: number) {
    this.#block = block;
    this.#limit = limit;
    this.#words = block.segment.words;
    this.#index = (block.body + layout.wordOffset) / 4;
    // If other holders have released too often meanwhile, this is one permit too many: the fault is theirs.
    this.#queue = new WaitQueue(TargetKind.semaphore, block, 0, () =>
      native.semaphoreRelease(block.segment.id, block.body, 1, limit),
    );
  }

  tryTake(): boolean {
    for (;;) {
      const word = Atomics.load(this.#words, this.#index);
      if ((word & mostPermits) === 0) return false;
      if (Atomics.compareExchange(this.#words, this.#index, word, word - 1) === word) return true;
    }
  }

  takeSync(deadline: number): boolean {
    if (this.tryTake()) return true;
    if (deadline <= 0) return false;
    // The native wait may have acquired for tasks that are not notified yet: this thread needs it first.
    if (this.#queue.disarm(true) !== missed) {
      this.#queue.arm();
      return true;
    }
    const taken = native.semaphoreAcquire(this.#block.segment.id, this.#block.body, deadline);
    this.#queue.arm();
    this.#row.reset();
    return taken;
  }

  async take(owner: object, wait: ParsedWait): Promise<boolean> {
    const taken = (await this.#queue.wait(owner, wait, false)) !== missed;
    this.#row.reset();
    return taken;
  }

  giveBack(count: number): void {
    const { segment, body } = this.#block;
    const woken = native.semaphoreRelease(segment.id, body, count, this.#limit);
    if (woken < 0) throw tooMany(count, this.#limit);
    if (woken === 0 || !this.#row.isDue()) return;
    this.#row.reset();
    native.semaphoreGiveWay(segment.id, body);
  }

  free(): number {
    return Atomics.load(this.#words, this.#index) & mostPermits;
  }

  leave(owner: object, reason: unknown): void {
    this.#queue.failAll(owner, reason);
    this.#queue.dispose();
  }
}

/** The permits of one robust semaphore that this thread holds, through whichever of `users` objects. */
interface Holding {
  readonly permits: number[];
  users: number;
}

const holdings = new Map<string, Holding>();

/** A robust semaphore: a table of permits that name their holders, this thread's among them. */
export class RobustState implements SemaphoreState {
  readonly #block: Block;
  readonly #queue: WaitQueue;
  readonly #key: string;
  readonly #holding: Holding;
  readonly #row = new GivingWay();

  constructor(block: Block) {
    this.#block = block;
    // With the generation: a freed block's place in its arena is used again.
    this.#key = `${block.segment.inode}:${block.body}:${block.generation}`;
    this.#holding = holdings.get(this.#key) ?? { permits: [], users: 0 };
    this.#holding.users++;
    holdings.set(this.#key, this.#holding);
    this.#queue = new WaitQueue(TargetKind.permits, block, block.length, (permit) => this.#free(permit));
  }

  tryTake(): boolean {
    const { segment, body, length } = this.#block;
    return this.#hold(native.permitTry(segment.id, body, length));
  }

  takeSync(deadline: number): boolean {
    if (this.tryTake()) return true;
    if (deadline <= 0) return false;
    let permit = this.#queue.disarm(true);
    if (permit === missed) {
      const { segment, body, length } = this.#block;
      permit = native.permitAcquire(segment.id, body, length, deadline);
      this.#row.reset();
    }
    this.#queue.arm();
    return this.#hold(permit);
  }

  async take(owner: object, wait: ParsedWait): Promise<boolean> {
    const permit = await this.#queue.wait(owner, wait, false);
    this.#row.reset();
    return this.#hold(permit);
  }

  giveBack(count: number): void {
    const { permits } = this.#holding;
    if (count > permits.length) {
      throw new ValueError(`Expected to release permits that this thread holds (${permits.length}), got ${count}`);
    }
    let woken = 0;
    for (let i = 0; i < count; i++) woken += this.#free(permits.pop() as number);
    if (woken === 0 || !this.#row.isDue()) return;
    this.#row.reset();
    const { segment, body, length } = this.#block;
    native.permitGiveWay(segment.id, body, length);
  }

  free(): number {
    const { segment, body, length } = this.#block;
    return native.permitsFree(segment.id, body, length);
  }

  leave(owner: object, reason: unknown): void {
    this.#queue.failAll(owner, reason);
    this.#queue.dispose();
    // Permits that are still held stay so: an object opened later can release them.
    if (--this.#holding.users === 0 && this.#holding.permits.length === 0) holdings.delete(this.#key);
  }

  #hold(permit: number): boolean {
    if (permit === missed) return false;
    this.#holding.permits.push(permit);
    return true;
  }

  /** @returns the number of sleepers that were woken */
  #free(permit: number): number {
    const { segment, body, length } = this.#block;
    return native.permitRelease(segment.id, body, length, permit);
  }
}

// The permits of a forked child's parent are the parent's.
onReattach(() => {
  for (const { permits } of holdings.values()) permits.length = 0;
});

/** The state for a semaphore's block. `limit`: the most permits there may be. */
export function semaphoreState(block: Block, limit: number): SemaphoreState {
  return (block.flags & robustFlag) !== 0 ? new RobustState(block) : new CountedState(block, limit);
}

function tooMany(count: number, limit: number): ValueError {
  return new ValueError(`The semaphore is released too many times: ${count} more would exceed ${limit}`);
}
