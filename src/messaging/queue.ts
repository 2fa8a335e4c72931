/** Queue: messages between threads of any processes, first in, first out. */
import { now, type ParsedWait, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { Empty, EOFError, Full, ValueError } from '../errors.js';
import { native, TargetKind } from '../native.js';
import { discard, serialize } from '../serialize/codec.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import { Damage, finish, Later, Message, mostUnits } from '../serialize/records.js';
import { Block, BlockKind, closedError, type Mode, type NameOptions } from '../shared/block.js';
import { describe } from '../shared/names.js';
import { nativeNotice } from '../sync/wait-queue.js';
import { Line, notYet, soon } from './line.js';
import { buryMs, busy, ended, nothing, obtainRing, Put, Ring } from './ring.js';
import { Notices, type Readiness, waitable } from './waitable.js';

/** Options of {@link Queue}; those of a named one are compared on opening. */
export interface QueueOptions extends NameOptions {
  /** Bytes of shared memory that messages may take. Default: half of what is free when the queue is made. */
  capacity?: number | undefined;
}

const done = Promise.resolve();

/** What `putMany` and the like are given to undo, when it cannot be put after all. */
interface Parcel {
  readonly value: unknown;
  readonly units: number;
  cancel(): void;
}

/**
 * A queue of any values that can travel; mirrors `multiprocessing.Queue`. Any number of processes and threads put and get.
 *
 * Messages are serialised at `put`, and written to shared memory before `put` returns: there is no feeder thread, nothing
 * to flush at exit, and a value that cannot travel fails where the mistake is. Once a put has returned, exactly one get
 * receives the message; only a consumer that dies in its get takes one along. Messages of one thread arrive in the order
 * in which they were put.
 */
export class Queue<T = unknown> {
  readonly #block: Block;
  readonly #ring: Ring;
  readonly #puts: Line;
  readonly #gets: Line;
  readonly #notices = new Notices();
  /** What a `getMany` took and could not give, since a message before it cannot be read: the next ones get it. */
  #kept: unknown[] = [];
  #ended = false;
  /** `qsize()` and `full()` as they were when the queue was closed. */
  #last: { readonly size: number } | undefined;

  /**
   * Makes an anonymous queue, or opens the named one, which is made if it is missing.
   *
   * @param maxsize how many messages fit, at most 2^31−1; 0 or less: as many as there is memory for, and `put` never waits
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(maxsize?: number, options?: QueueOptions);
  /** @internal */
  constructor(block: Block);
  constructor(maxsize: number | Block = 0, options?: QueueOptions) {
    const kind = (new.target as typeof Queue).blockKind;
    const block = maxsize instanceof Block ? maxsize : obtain('open-or-create', kind, maxsize, options);
    this.#block = block;
    try {
      this.#ring = new Ring(block);
    } catch (error) {
      block.release();
      throw error;
    }
    this.#puts = new Line(block, TargetKind.ringTaken, () => this.#ring.taken);
    this.#gets = new Line(block, TargetKind.ringItems, () => 0);
  }

  /** @internal */
  static get blockKind(): BlockKind {
    return BlockKind.queue;
  }

  /** Makes a queue that must not exist yet: `EEXIST`. */
  static create<Q extends typeof Queue>(this: Q, maxsize = 0, options?: QueueOptions): InstanceType<Q> {
    return Queue.#adopt(this, obtain('create', Queue.#kindOf(this), maxsize, options));
  }

  /** Opens a queue that must exist: `ENOENT`. */
  static open<Q extends typeof Queue>(this: Q, name: string): InstanceType<Q> {
    return Queue.#adopt(this, Block.open(name, Queue.#kindOf(this)));
  }

  /** Removes the name; those who have the queue open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  static #adopt<Q extends typeof Queue>(queueClass: Q, block: Block): InstanceType<Q> {
    return new (queueClass as unknown as new (block: Block) => InstanceType<Q>)(block);
  }

  static #kindOf(queueClass: typeof Queue): BlockKind {
    return queueClass.blockKind;
  }

  /** `undefined` for an anonymous queue. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /**
   * Puts a message. With `maxsize` 0 it never waits; else it waits for room, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: for ever
   * @throws TypeError for `undefined`, and for what cannot travel, naming its path
   * @throws Full when the time has passed; with `maxsize` 0 when `capacity` bytes are unread
   * @throws ClosedError after `close()` or `end()`
   */
  put(item: T, wait?: Wait): Promise<void> {
    try {
      if (wait === undefined && this.#puts.length === 0) {
        const units = item === undefined ? 0 : mostUnits(item);
        if (units !== 0 && this.#ring.tryPut(item, units) === Put.done) return done;
      }
      return this.#putSlowly(item, parseWait(wait));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link put}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  putSync(item: T, wait?: Wait): void {
    if (wait === undefined && this.#puts.length === 0) {
      const units = item === undefined ? 0 : mostUnits(item);
      if (units !== 0 && this.#ring.tryPut(item, units) === Put.done) return;
    }
    const deadline = parseSyncWait(wait);
    const parcel = this.#pack(item);
    try {
      if (!this.#blockForPut(deadline, () => this.#ring.tryPut(parcel.value, parcel.units, deadline), parcel)) {
        throw new Full();
      }
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  /** Puts a message if there is room. `false` if there is none. */
  tryPut(item: T): boolean {
    if (this.#puts.length > 0) return false;
    const parcel = this.#pack(item);
    try {
      const outcome = this.#ring.tryPut(parcel.value, parcel.units);
      if (outcome !== Put.done) parcel.cancel();
      return outcome === Put.done;
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  /** As {@link tryPut}, but throws `Full`. Mirrors `put_nowait`. */
  putNoWait(item: T): void {
    if (!this.tryPut(item)) throw new Full();
  }

  /**
   * Takes the oldest message, without blocking the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: for ever
   * @throws Empty when the time has passed
   * @throws EOFError when nothing is left after `end()`
   * @throws ClosedError after `close()`; what deserialising the message throws, which is taken all the same
   *
   * Once the message is taken, the modules of functions and classes in it are imported, however long that takes.
   */
  get(wait?: Wait): Promise<T> {
    try {
      if (wait === undefined && this.#gets.length === 0) {
        const value = this.#take();
        if (value !== nothing && value !== busy) {
          return (value instanceof Later ? read(value) : Promise.resolve(value)) as Promise<T>;
        }
      }
      return this.#getSlowly(parseWait(wait));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link get}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  getSync(wait?: Wait): T {
    if (wait === undefined && this.#gets.length === 0) {
      const value = this.#take();
      if (value !== nothing && value !== busy) return finish(value) as T;
    }
    const value = this.#blockForGet(parseSyncWait(wait));
    if (value === nothing || value === busy) throw new Empty();
    return finish(value) as T;
  }

  /** Takes the oldest message if there is one; `undefined` if there is none. */
  tryGet(): T | undefined {
    if (this.#gets.length > 0) return undefined;
    const value = this.#take();
    return value === nothing || value === busy ? undefined : (finish(value) as T);
  }

  /** As {@link tryGet}, but throws `Empty`. Mirrors `get_nowait`. */
  getNoWait(): T {
    const value = this.tryGet();
    if (value === undefined) throw new Empty();
    return value;
  }

  /**
   * Puts messages in their order, many under one lock; those of other producers may come between them when it has to wait.
   * When it fails, `error.count` messages were put.
   */
  async putMany(items: Iterable<T>, wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const parcels = this.#packAll(items);
    const values = parcels.map((parcel) => parcel.value);
    let put = 0;
    try {
      if (this.#puts.length === 0) put = this.#ring.tryPutMany(values, 0);
      for (; put < values.length; ) {
        await this.#waitToPut(parcels[put] as Parcel, parsed);
        put++;
        if (this.#puts.length === 0) put += this.#ring.tryPutMany(values, put);
      }
    } catch (error) {
      for (const parcel of parcels.slice(put)) parcel.cancel();
      throw counted(error, put);
    }
  }

  /** As {@link putMany}, and blocks this thread where it has to wait. */
  putManySync(items: Iterable<T>, wait?: Wait): void {
    const deadline = parseSyncWait(wait);
    const parcels = this.#packAll(items);
    const values = parcels.map((parcel) => parcel.value);
    let put = 0;
    try {
      while (put < values.length) {
        if (this.#puts.length === 0) put += this.#ring.tryPutMany(values, put);
        const parcel = parcels[put];
        if (parcel === undefined) return;
        const attempt = () => this.#ring.tryPut(parcel.value, parcel.units, deadline);
        if (!this.#blockForPut(deadline, attempt, parcel)) throw new Full();
        put++;
      }
    } catch (error) {
      for (const parcel of parcels.slice(put)) parcel.cancel();
      throw counted(error, put);
    }
  }

  /**
   * Waits for a message, and takes all that are there, at most `max`, under one lock.
   *
   * If one of them cannot be deserialised, those before it are returned. The next call, of whatever form, throws the error,
   * and the ones after that get the rest.
   *
   * @returns 1 … `max` messages; none when the time has passed
   */
  async getMany(max: number, wait?: Wait): Promise<T[]> {
    checkMost(max);
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    let taken = this.#takeMany(max);
    if (taken.length === 0) {
      const first = await this.#getOrMiss(parsed);
      if (first === nothing) return [];
      taken = [first, ...this.#takeMany(max - 1)];
    }
    const items: T[] = [];
    for (const value of taken) {
      try {
        const later = value instanceof Later ? value.readLater() : undefined;
        items.push((later === undefined ? finish(value) : await later) as T);
      } catch (error) {
        return this.#keep(items, error, taken);
      }
    }
    return items;
  }

  /** As {@link getMany}, and blocks this thread where it has to wait. */
  getManySync(max: number, wait?: Wait): T[] {
    checkMost(max);
    const deadline = parseSyncWait(wait);
    let taken = this.#takeMany(max);
    if (taken.length === 0) {
      const first = this.#blockForGet(deadline);
      if (first === nothing || first === busy) return [];
      taken = [first, ...this.#takeMany(max - 1)];
    }
    const items: T[] = [];
    for (const value of taken) {
      try {
        items.push(finish(value) as T);
      } catch (error) {
        return this.#keep(items, error, taken);
      }
    }
    return items;
  }

  /** How many messages nobody has taken yet, exactly as of some moment during the call. */
  qsize(): number {
    return this.#last?.size ?? this.#ring.length + this.#kept.length;
  }

  /** Whether no message is in the queue now; another process may change that at once. */
  empty(): boolean {
    if (this.#ring.closed) throw closedError('Queue');
    return this.qsize() === 0;
  }

  /** Whether `maxsize` messages are there; with `maxsize` 0 always `false`. */
  full(): boolean {
    const { maxsize } = this.#ring;
    return maxsize !== 0 && this.qsize() >= maxsize;
  }

  /**
   * Nobody puts any more, in any process: readers get what is there, then their `get` throws `EOFError` and their
   * `for await` ends. Idempotent. Python has `shutdown()` for its queues between threads.
   */
  end(): void {
    if (this.#ring.closed) throw closedError('Queue');
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.finishWith(ended);
  }

  /** Gets message after message, until the queue has ended. Any number of loops share the messages. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (error instanceof EOFError) return;
        throw error;
      }
      yield item;
    }
  }

  /**
   * Lets go of the queue in this process: puts and gets that are pending here fail. What was put stays for the others.
   * `qsize()` and `full()` answer what they would have answered now. Idempotent.
   */
  close(): void {
    if (this.#ring.closed) return;
    this.#notices.close();
    this.#last = { size: this.qsize() };
    for (const value of this.#kept.splice(0)) if (value instanceof Later && !value.kept) discard(value.bytes);
    this.#puts.close(closedError('Queue'));
    this.#gets.close(closedError('Queue'));
    this.#ring.close();
    this.#block.release();
  }

  /**
   * Returns at once: what was put is in shared memory already, there is no thread to join.
   *
   * @throws ValueError before `close()`, as in Python
   */
  joinThread(): void {
    if (!this.#ring.closed) throw new ValueError('joinThread() is for after close()');
  }

  /** Does nothing: no thread keeps the process from ending, and what was put is not lost. */
  cancelJoinThread(): void {}

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous queue. */
  unlink(): void {
    this.#block.unlink();
  }

  /** @internal */
  [waitable](): Readiness {
    const ready = () => {
      if (this.#ring.closed) throw closedError('Queue');
      if (this.#kept.length > 0) return true;
      return native.ringWait(TargetKind.ringItems, this.#block.segment.id, this.#block.body, 0, 0, false) !== 0;
    };
    ready();
    const watch = (call: () => void) => nativeNotice(TargetKind.ringItems, this.#block, 0, 0, call);
    return {
      ready,
      notice: (callback) => {
        const stop = this.#ring.redelivers ? this.#lookForDead() : undefined;
        const notice = this.#notices.add(watch, () => {
          stop?.();
          callback();
        });
        const cancel = () => {
          stop?.();
          notice.cancel();
        };
        return { reference: (keep) => notice.reference(keep), cancel };
      },
      asleep: [TargetKind.ringItems, this.#block.segment.id, this.#block.body, 0, 0],
    };
  }

  /** @internal */
  [depart](): Departure {
    if (this.#ring.closed) throw closedError('Queue');
    return this.#block.depart(handleKinds[this.#block.kind] as HandleKind);
  }

  /** @internal */
  get ring(): Ring {
    return this.#ring;
  }

  async #putSlowly(item: T, wait: ParsedWait): Promise<void> {
    wait.signal?.throwIfAborted();
    const parcel = this.#pack(item);
    try {
      await this.#waitToPut(parcel, wait);
    } catch (error) {
      parcel.cancel();
      throw error;
    }
  }

  async #waitToPut(parcel: Parcel, wait: ParsedWait): Promise<void> {
    if (this.#puts.length === 0) {
      const outcome = this.#ring.tryPut(parcel.value, parcel.units);
      if (outcome === Put.done) return;
      if (outcome !== Put.busy) this.#checkWaiting(outcome, parcel);
      if (wait.deadline <= 0) throw new Full();
    } else if (wait.deadline <= 0) {
      throw new Full();
    }
    // The caller may change what it has put, while we wait.
    const kept = frozen(parcel);
    const result = await this.#puts.wait(this, wait, () => {
      const outcome = this.#ring.tryPut(kept.value, kept.units);
      if (outcome === Put.busy) return soon;
      if (outcome === Put.done) return true;
      this.#checkWaiting(outcome, kept);
      return notYet;
    });
    if (result === undefined) throw new Full();
  }

  /** Whether it makes sense to wait for room. */
  #checkWaiting(outcome: Put, parcel: Parcel): void {
    if (outcome !== Put.noRoom) return;
    if (!this.#ring.fits(parcel.units)) {
      throw new Full(`A message of about ${parcel.units * 8} bytes is larger than the queue's capacity`);
    }
    if (this.#ring.maxsize === 0)
      throw new Full('There is no shared memory for the message: messages take all there is');
  }

  #blockForPut(deadline: number, attempt: () => Put, parcel: Parcel): boolean {
    try {
      for (;;) {
        const before = this.#ring.taken;
        if (this.#puts.length > 0) {
          this.#puts.run();
          this.#puts.pause();
        }
        if (this.#puts.length === 0) {
          const outcome = attempt();
          if (outcome === Put.done) return true;
          if (outcome !== Put.busy) this.#checkWaiting(outcome, parcel);
        }
        if (deadline <= 0 || (deadline !== Infinity && now() >= deadline)) return false;
        this.#ring.waitForTaken(before, deadline);
      }
    } finally {
      if (this.#puts.length > 0) this.#puts.run();
    }
  }

  async #getSlowly(wait: ParsedWait): Promise<T> {
    const value = await this.#getOrMiss(wait);
    if (value === nothing) throw new Empty();
    return (value instanceof Later ? read(value) : value) as T;
  }

  async #getOrMiss(wait: ParsedWait): Promise<unknown> {
    wait.signal?.throwIfAborted();
    if (this.#gets.length === 0) {
      const value = this.#takeOrEnd();
      if (value !== nothing && value !== busy) return value;
    }
    if (wait.deadline <= 0) return nothing;
    const stop = this.#ring.redelivers ? this.#lookForDead() : undefined;
    const result = await this.#gets
      .wait(this, wait, () => {
        const value = this.#takeOrEnd();
        if (value === busy) return soon;
        return value === nothing ? notYet : { value };
      })
      .finally(stop);
    return result === undefined ? nothing : (result as { value: unknown }).value;
  }

  /** Has what a dead consumer took delivered again, until the returned function is called. */
  #lookForDead(): () => void {
    const look = setInterval(() => {
      if (!this.#ring.closed) this.#ring.bury();
    }, buryMs);
    look.unref();
    return () => clearInterval(look);
  }

  /** The oldest message, or of what it will be made; {@link nothing}, {@link busy}. */
  #take(deadline = 0): unknown {
    return this.#kept.length > 0 ? this.#kept.shift() : this.#ring.take(deadline);
  }

  #takeMany(most: number): unknown[] {
    if (this.#gets.length > 0) return [];
    if (this.#kept.length === 0) return this.#ring.tryTakeMany(most);
    const kept = this.#kept.splice(0, most);
    return kept.length < most ? [...kept, ...this.#ring.tryTakeMany(most - kept.length)] : kept;
  }

  /** One of the messages that were taken cannot be read. */
  #keep(items: T[], error: unknown, taken: readonly unknown[]): T[] {
    const rest = taken.slice(items.length + 1);
    this.#kept = [...(items.length === 0 ? [] : [new Damage(error)]), ...rest, ...this.#kept];
    if (this.#gets.length > 0) this.#gets.run();
    if (items.length === 0) throw error;
    return items;
  }

  #takeOrEnd(): unknown {
    const over = (this.#ring.state & ended) !== 0;
    const value = this.#take();
    if (value === nothing && over) throw new EOFError('The queue has ended');
    return value;
  }

  #blockForGet(deadline: number): unknown {
    try {
      for (;;) {
        if (this.#gets.length > 0) {
          this.#gets.run();
          this.#gets.pause();
        }
        const over = (this.#ring.state & ended) !== 0;
        const value = this.#take(deadline);
        if (value !== nothing && value !== busy) return value;
        if (over && value === nothing) throw new EOFError('The queue has ended');
        if (deadline <= 0 || (deadline !== Infinity && now() >= deadline)) return value;
        this.#ring.waitForItems(deadline);
      }
    } finally {
      if (this.#gets.length > 0) this.#gets.run();
    }
  }

  #pack(item: unknown, root = 'item'): Parcel {
    if (this.#ring.closed) throw closedError('Queue');
    if (item === undefined) throw new TypeError(`Expected "${root}" to be a value, got undefined (use null)`);
    const units = mostUnits(item);
    if (units !== 0) return { value: item, units, cancel: nothingToCancel };
    const bytes = serialize(item, root);
    const value = new Message(bytes);
    return { value, units: mostUnits(value), cancel: () => discard(bytes) };
  }

  #packAll(items: Iterable<unknown>): Parcel[] {
    const parcels: Parcel[] = [];
    try {
      for (const item of items) parcels.push(this.#pack(item, `items[${parcels.length}]`));
    } catch (error) {
      for (const parcel of parcels) parcel.cancel();
      throw error;
    }
    return parcels;
  }
}

const handleKinds: Readonly<Record<number, HandleKind>> = {
  [BlockKind.queue]: HandleKind.queue,
  [BlockKind.joinableQueue]: HandleKind.joinableQueue,
  [BlockKind.simpleQueue]: HandleKind.simpleQueue,
};

registerArrival(HandleKind.queue, (handle) => new Queue(Block.arrive(handle, BlockKind.queue)));

const nothingToCancel = () => {};

/** The parcel with its bytes as they are now. */
function frozen(parcel: Parcel): Parcel {
  if (typeof parcel.value !== 'object' || parcel.value === null || parcel.value instanceof Message) return parcel;
  const value = new Message(serialize(parcel.value));
  return { value, units: mostUnits(value), cancel: parcel.cancel };
}

/** What a message holds; its modules are imported if need be. */
async function read(value: Later): Promise<unknown> {
  return value.readLater() ?? value.read();
}

function counted(error: unknown, count: number): unknown {
  if (error instanceof Error)
    Object.defineProperty(error, 'count', { value: count, configurable: true, writable: true });
  return error;
}

function checkMost(max: unknown): void {
  if (Number.isSafeInteger(max) && (max as number) > 0) return;
  throw new RangeError(`Expected "max" to be a positive integer, got ${describe(max)}`);
}

function checkRedeliver(kind: BlockKind, options: (QueueOptions & { redeliver?: unknown }) | undefined): boolean {
  const redeliver = kind === BlockKind.joinableQueue ? options?.redeliver : undefined;
  if (redeliver === undefined || typeof redeliver === 'boolean') return redeliver === true;
  throw new TypeError(`Expected "redeliver" to be true or false, got ${describe(redeliver)}`);
}

function obtain(mode: Mode, kind: BlockKind, maxsize: unknown, options: QueueOptions | undefined): Block {
  if (!Number.isInteger(maxsize) || (maxsize as number) > 2 ** 31 - 1) {
    throw new TypeError(`Expected "maxsize" to be an integer below 2^31, got ${describe(maxsize)}`);
  }
  const capacity = options?.capacity;
  if (capacity !== undefined && !(Number.isSafeInteger(capacity) && capacity > 0)) {
    throw new RangeError(`Expected "capacity" to be a positive number of bytes, got ${describe(capacity)}`);
  }
  return obtainRing(mode, kind, {
    maxsize: Math.max(maxsize as number, 0),
    capacity,
    name: options?.name,
    chains: kind !== BlockKind.simpleQueue,
    redeliver: checkRedeliver(kind, options),
  });
}
