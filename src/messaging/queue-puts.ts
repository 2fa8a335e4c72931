/** The putting side of a queue as one object has it: at once where there is room, else in turn. */
import { now, type ParsedWait, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { Full } from '../errors.js';
import { TargetKind } from '../native.js';
import { compactUnits, mostUnits, scratch } from '../serialize/records.js';
import { closedError } from '../shared/block.js';
import { noMemoryFor } from '../shared/shortage.js';
import { Line, notYet, soon } from './line.js';
import { frozen, type Parcel, pack, packAll } from './parcel.js';
import { Put, type PutEnd } from './put-end.js';
import type { Ring } from './ring.js';

const done = Promise.resolve();

export class QueuePuts {
  readonly #ring: Ring;
  readonly #end: PutEnd;
  readonly #line: Line;

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#end = ring.puts;
    this.#line = new Line(ring.block, TargetKind.ringTaken, () => ring.taken);
  }

  /** @param written called in the moment in which the message is in the queue */
  put(item: unknown, wait: Wait | undefined, written?: () => void): Promise<void> {
    try {
      if (wait === undefined && this.#line.length === 0) {
        if (this.#putAtOnce(item)) {
          written?.();
          return done;
        }
      }
      return this.#putSlowly(item, parseWait(wait), written);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  putSync(item: unknown, wait: Wait | undefined): void {
    if (wait === undefined && this.#line.length === 0) {
      if (this.#putAtOnce(item)) return;
    }
    const deadline = parseSyncWait(wait);
    const parcel = this.#pack(item);
    try {
      if (!this.#block(parcel, deadline)) throw new Full();
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  tryPut(item: unknown): boolean {
    if (this.#line.length > 0) return false;
    const parcel = this.#pack(item);
    try {
      const outcome = this.#end.tryPut(parcel.value, parcel.units, 0);
      if (outcome === Put.done) return true;
      const isShort = outcome === Put.noRoom && this.#ring.maxsize === 0 && this.#ring.lacksMemory;
      if (isShort || outcome === Put.noMemory || outcome === Put.tooLarge) this.#checkWaiting(outcome, parcel);
      parcel.cancel();
      return false;
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  async putMany(items: Iterable<unknown>, wait: Wait | undefined): Promise<void> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const parcels = this.#packAll(items);
    const values = parcels.map((parcel) => parcel.value);
    let put = 0;
    try {
      if (this.#line.length === 0) put = this.#end.tryPutMany(values, 0, 0);
      for (; put < values.length; ) {
        await this.#wait(parcels[put] as Parcel, parsed);
        put++;
        if (this.#line.length === 0) put += this.#end.tryPutMany(values, put, 0);
      }
    } catch (error) {
      for (const parcel of parcels.slice(put)) parcel.cancel();
      throw counted(error, put);
    }
  }

  putManySync(items: Iterable<unknown>, wait: Wait | undefined): void {
    const deadline = parseSyncWait(wait);
    const parcels = this.#packAll(items);
    const values = parcels.map((parcel) => parcel.value);
    let put = 0;
    try {
      while (put < values.length) {
        if (this.#line.length === 0) put += this.#end.tryPutMany(values, put, 0);
        const parcel = parcels[put];
        if (parcel === undefined) return;
        if (!this.#block(parcel, deadline)) throw new Full();
        put++;
      }
    } catch (error) {
      for (const parcel of parcels.slice(put)) parcel.cancel();
      throw counted(error, put);
    }
  }

  /** Those who wait fail. */
  close(reason: unknown): void {
    this.#line.close(reason);
  }

  /** Puts what has a compact form, if there is room. */
  #putAtOnce(item: unknown): boolean {
    if (item === undefined) return false;
    const units = mostUnits(item);
    if (units !== 0) return this.#end.tryPut(item, units, 0) === Put.done;
    if (typeof item !== 'object') return false;
    const compact = compactUnits(item as object);
    return compact !== 0 && this.#end.tryPut(scratch, compact, 0) === Put.done;
  }

  async #putSlowly(item: unknown, wait: ParsedWait, written?: () => void): Promise<void> {
    wait.signal?.throwIfAborted();
    const parcel = this.#pack(item);
    try {
      await this.#wait(parcel, wait, written);
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  async #wait(parcel: Parcel, wait: ParsedWait, written?: () => void): Promise<void> {
    if (this.#line.length === 0) {
      const outcome = this.#end.tryPut(parcel.value, parcel.units, 0);
      if (outcome === Put.done) {
        written?.();
        return;
      }
      if (outcome !== Put.busy) this.#checkWaiting(outcome, parcel);
      if (wait.deadline <= 0) throw new Full();
    } else if (wait.deadline <= 0) {
      throw new Full();
    }
    const kept = frozen(parcel);
    const result = await this.#line.wait(this, wait, () => {
      const outcome = this.#end.tryPut(kept.value, kept.units, 0);
      if (outcome === Put.busy) return soon;
      if (outcome === Put.done) {
        written?.();
        return true;
      }
      this.#checkWaiting(outcome, kept);
      return notYet;
    });
    if (result === undefined) throw new Full();
  }

  /** Whether it makes sense to wait for room. */
  #checkWaiting(outcome: Put, parcel: Parcel): void {
    if (outcome === Put.full || outcome === Put.busy) return;
    const bytes = parcel.units * 8;
    if (outcome === Put.noMemory) throw noMemoryFor('a message', bytes);
    if (outcome === Put.tooLarge || !this.#ring.fits(parcel.units)) {
      const { capacity, hasOwnCapacity } = this.#ring;
      if (!hasOwnCapacity) throw noMemoryFor('a message', bytes, capacity);
      throw new Full(
        `A message of about ${bytes} bytes is larger than the queue's capacity of ${capacity} bytes allows: make the ` +
          'queue with a larger "capacity", or make messages smaller',
      );
    }
    if (this.#ring.maxsize === 0) {
      // Nothing is waited for: what is unread takes the capacity, or /dev/shm is short.
      const { capacity, lacksMemory } = this.#ring;
      if (lacksMemory) throw noMemoryFor('a message', bytes);
      throw new Full(
        `There is no room for a message of about ${bytes} bytes: unread messages take the queue's capacity of ` +
          `${capacity} bytes. Take messages, or make the queue with a larger "capacity", or with a "maxsize" to have put wait`,
      );
    }
  }

  /** Blocks until it is put; `false` when the deadline has passed. */
  #block(parcel: Parcel, deadline: number): boolean {
    const line = this.#line;
    try {
      for (;;) {
        const before = this.#ring.taken;
        if (line.length > 0) {
          line.run();
          line.pause();
        }
        if (line.length === 0) {
          const outcome = this.#end.tryPut(parcel.value, parcel.units, deadline);
          if (outcome === Put.done) return true;
          if (outcome !== Put.busy) this.#checkWaiting(outcome, parcel);
        }
        if (deadline <= 0 || (deadline !== Infinity && now() >= deadline)) return false;
        this.#ring.waitForTaken(before, deadline);
      }
    } finally {
      if (line.length > 0) line.run();
    }
  }

  #pack(item: unknown): Parcel {
    if (this.#ring.closed) throw closedError('Queue');
    return pack(item);
  }

  #packAll(items: Iterable<unknown>): Parcel[] {
    if (this.#ring.closed) throw closedError('Queue');
    return packAll(items);
  }
}

function counted(error: unknown, count: number): unknown {
  if (error instanceof Error)
    Object.defineProperty(error, 'count', { value: count, configurable: true, writable: true });
  return error;
}
