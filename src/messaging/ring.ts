/**
 * A ring of records in shared memory, with any number of producers and consumers in any processes.
 *
 * Each end has a robust lock. A record is written beyond the tail, and one store of the tail commits it; a consumer
 * copies, then stores the head. Whoever dies half-way has changed nothing that counts; what had to follow the store is
 * noted before it, and the next owner of the lock finishes or forgets it. Where the room ends, a jump leads on: to the
 * start of the extent, or to another extent.
 *
 * What a dead owner can leave, and what the next owner of its lock makes of it. One store decides: that of `position`.
 *
 *     put: moving, used, seen head, jump, record, next position and count | position | count, moving = 0
 *       before `position`: the tail is the old one; count stands; an extent noted in `moving` is not used, as the tail
 *         is not in it; what was seen of the head is true for the old tail as well; the rest lies beyond the tail
 *       after it: `next position` is the tail, so `next count` counts; the extent in `moving` is used
 *     get: next position and count, leaving use, moving | position | count, used = 0, moving = 0
 *       before `position`: the head is the old one; count stands; the extent in `moving` still holds the head
 *       after it: `next position` is the head, so `next count` counts; the extent in `moving` is let go if its use is
 *         still the one noted: once it is free, a producer may use it again before anybody mends this end
 *
 * Only the producers' end makes an extent used, only when it is free; only the other end frees it, after the head left.
 */
import { layout, native, TargetKind } from '../native.js';
import type { Block } from '../shared/block.js';
import { draining, EndWord, ended, Fact, getEnd } from '../shared/ring-layout.js';
import type { Extents } from './extents.js';
import { GetEnd, type RecordReader } from './get-end.js';
import { type Put, PutEnd, type RecordWriter } from './put-end.js';
import { ringMemory } from './ring-block.js';

export { broken, draining, ended } from '../shared/ring-layout.js';
export { buryMs, busy, nothing, type RecordReader } from './get-end.js';
export { Put, type RecordWriter } from './put-end.js';
export { obtainRing, type RingOptions } from './ring-block.js';

/** How often the adaptive look may fail before it is given up. */
const mostPatience = 8;

/** A ring as one object of this thread has it open: both ends, and waiting at either. */
export class Ring {
  readonly block: Block;
  readonly maxsize: number;
  readonly #words: Int32Array;
  /** Of the ring's words in `#words`. */
  readonly #at: number;
  readonly #extents: Extents;
  /** The ends themselves, for who puts or takes often. */
  readonly puts: PutEnd;
  readonly gets: GetEnd;
  /** Bytes. */
  readonly capacity: number;
  /** Whether the capacity was asked for, rather than half of what was free. */
  readonly hasOwnCapacity: boolean;
  #closed = false;
  #patience: number = mostPatience;
  #waits = 0;

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for memory that holds no ring */
  constructor(block: Block) {
    this.block = block;
    this.maxsize = block.length;
    this.#words = block.segment.words;
    this.#at = (block.body + layout.ringOffset) / 4;
    const memory = ringMemory(block, this.#words, this.#at);
    this.#extents = memory.extents;
    this.capacity = memory.capacity;
    this.hasOwnCapacity = memory.hasOwnCapacity;
    this.gets = new GetEnd(block, this.#words, this.#at, memory);
    this.puts = new PutEnd(block, this.#words, this.#at, memory, this.gets);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the put that was refused last here failed because the system had no memory, rather than for its capacity. */
  get lacksMemory(): boolean {
    return this.#extents.lacking > 0;
  }

  /** How many messages are there. */
  get length(): number {
    // The takes first: what is put and taken meanwhile does not count.
    const taken = this.taken;
    return Math.max((this.put - taken) | 0, 0) + this.#load(Fact.returned);
  }

  /** How many messages were ever taken, in 32 bits. */
  get taken(): number {
    return this.#load(getEnd + EndWord.count);
  }

  /** How many messages were ever put, in 32 bits. */
  get put(): number {
    return this.#load(EndWord.count);
  }

  /** Bits: `ended`, `broken`. */
  get state(): number {
    return this.#load(Fact.state);
  }

  /** How many units the last record that was put here takes. */
  get lastUnits(): number {
    return this.puts.lastUnits;
  }

  /** See {@link GetEnd.allDone}. */
  get allDone(): boolean {
    return this.gets.allDone;
  }

  /** See {@link PutEnd.tryPutRecord}. */
  tryPutRecord(record: RecordWriter, units: number, deadline = 0): Put {
    return this.puts.tryPutRecord(record, units, deadline);
  }

  /** See {@link GetEnd.takeRecord}. */
  tryTakeRecord(reader: RecordReader, deadline = 0): unknown {
    return this.gets.takeRecord(reader, deadline);
  }

  /** See {@link GetEnd.settle}: afterwards {@link taken} tells which records dead consumers took. */
  settleGets(): boolean {
    return this.gets.settle();
  }

  /** See {@link GetEnd.joinable}. */
  get joinable(): boolean {
    return this.gets.joinable;
  }

  /** See {@link GetEnd.look}. */
  look(): void {
    this.gets.look();
  }

  /** Whether a record of so many units can be put at all, however long one waits. */
  fits(units: number): boolean {
    return this.#extents.fits(units);
  }

  /** Nothing is put any more. What consumers of a joinable queue have open may come again before it has ended. */
  end(): void {
    this.finishWith(this.joinable ? draining : ended);
    // With nothing left that ends it at once.
    if (this.joinable) this.gets.change(() => {});
  }

  /** Sets bits of the state, and wakes all sleepers. No put is under way when it returns. */
  finishWith(bits: number): void {
    this.puts.setState(bits);
    for (const asleep of [Fact.gettersAsleep, Fact.puttersAsleep]) {
      Atomics.store(this.#words, this.#at + asleep, 0);
      native.ringWake(this.block.segment.id, (this.#at + asleep) * 4, -1);
    }
  }

  /** Looks for something to take for up to 50 µs, letting others run. */
  lookForItems(): boolean {
    const { segment, body } = this.block;
    return native.ringWait(TargetKind.ringItems, segment.id, body, 0, 0, true) !== 0;
  }

  /** Blocks until there is something to take, or the ring has ended. `false` when the deadline passed. */
  waitForItems(deadline: number): boolean {
    const until = this.joinable ? Math.min(deadline, this.gets.nextLook) : deadline;
    return this.#wait(TargetKind.ringItems, 0, until);
  }

  /** Blocks until more was taken than `before` (see {@link taken}), or nobody will take any more. */
  waitForTaken(before: number, deadline: number): boolean {
    return this.#wait(TargetKind.ringTaken, before, deadline);
  }

  /** Blocks until all is acknowledged; `false` when the deadline passed. */
  waitForDone(deadline: number): boolean {
    return this.#wait(TargetKind.ringDone, 0, deadline);
  }

  /** Lets go of it in this object. The block is the caller's. */
  close(): void {
    this.#closed = true;
    this.puts.close();
    this.gets.close();
  }

  /** Of a closed ring the memory is no longer seen, and says 0. */
  #load(word: number): number {
    return this.#closed ? 0 : Atomics.load(this.#words, this.#at + word);
  }

  #wait(kind: number, argument: number, deadline: number): boolean {
    this.#waits++;
    // Where looking does not pay it is tried now and then only.
    const look = this.#patience > 0 || (this.#waits & 15) === 0;
    const { segment, body } = this.block;
    const outcome = native.ringWait(kind, segment.id, body, argument >>> 0, deadline, look);
    if (outcome === 1) this.#patience = mostPatience;
    else if (look && this.#patience > 0) this.#patience--;
    return outcome !== 0;
  }
}
