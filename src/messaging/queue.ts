/** Queue: messages between threads of any processes, first in, first out. */

import type { Wait } from '../deadline.js';
import { Full, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { native, TargetKind } from '../native.js';
import { describe } from '../options/describe.js';
import { checkedBy } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import {
  Block,
  BlockKind,
  blockOf,
  closedError,
  kindNames,
  type Mode,
  type NameOptions,
  nameOptions,
  objectName,
} from '../shared/block.js';
import { type QueueInfo, queueInfoOf } from '../shared/queue-info.js';
import { nativeNotice } from '../sync/wait-queue.js';
import { type DeliveryOptions, deliveryFields, deliveryOf } from './delivery-options.js';
import { QueueGets } from './queue-gets.js';
import { QueuePuts } from './queue-puts.js';
import { buryMs, draining, ended, obtainRing, Ring } from './ring.js';
import { untilEnded } from './until-ended.js';
import { Notices, type Readiness, waitable } from './waitable.js';

/** Options of {@link Queue}; those of a named one are compared on opening. */
export interface QueueOptions extends NameOptions {
  /** Bytes of shared memory that messages may take. Default: half of what is free when the queue is made. */
  capacity?: number | undefined;
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
  readonly #puts: QueuePuts;
  readonly #gets: QueueGets;
  readonly #notices = new Notices();
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
    refuseClones(this);
    const kind = (new.target as typeof Queue).blockKind;
    const block = maxsize instanceof Block ? maxsize : obtain('open-or-create', kind, maxsize, options);
    this.#block = block;
    try {
      this.#ring = new Ring(block);
    } catch (error) {
      block.release();
      throw error;
    }
    this.#puts = new QueuePuts(this.#ring);
    this.#gets = new QueueGets(this.#ring);
  }

  /** @internal */
  static get blockKind(): BlockKind {
    return BlockKind.queue;
  }

  /** Makes a queue that must not exist yet: `EEXIST`. */
  static create<Q extends typeof Queue>(this: Q, maxsize?: number, options?: QueueOptions): InstanceType<Q>;
  static create<T>(maxsize?: number, options?: QueueOptions): Queue<T>;
  static create(this: typeof Queue, maxsize = 0, options?: QueueOptions): Queue {
    return Queue.#adopt(this, obtain('create', Queue.#kindOf(this), maxsize, options));
  }

  /** Opens a queue that must exist: `ENOENT`. */
  static open<Q extends typeof Queue>(this: Q, name: string): InstanceType<Q>;
  static open<T>(name: string): Queue<T>;
  static open(this: typeof Queue, name: string): Queue {
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
   * @throws SystemError `ENOSPC` when /dev/shm has no memory for it, also after all that is unread has been taken
   * @throws ClosedError after `close()` or `end()`
   */
  put(item: T, wait?: Wait): Promise<void> {
    return this.#puts.put(item, wait);
  }

  /**
   * As {@link put}; `written` is called in the moment in which the message is in the queue.
   *
   * @internal
   */
  protected putAndTell(item: T, written: () => void): Promise<void> {
    return this.#puts.put(item, undefined, written);
  }

  /** As {@link put}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  putSync(item: T, wait?: Wait): void {
    this.#puts.putSync(item, wait);
  }

  /** Puts a message if there is room. `false` if there is none now; throws as {@link put} if there will be none. */
  tryPut(item: T): boolean {
    return this.#puts.tryPut(item);
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
    return this.#gets.get(wait) as Promise<T>;
  }

  /** As {@link get}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  getSync(wait?: Wait): T {
    return this.#gets.getSync(wait) as T;
  }

  /** Takes the oldest message if there is one; `undefined` if there is none. */
  tryGet(): T | undefined {
    return this.#gets.tryGet() as T | undefined;
  }

  /** As {@link tryGet}, but throws `Empty`. Mirrors `get_nowait`. */
  getNoWait(): T {
    return this.getSync(0);
  }

  /**
   * Puts messages in their order, many under one lock; those of other producers may come between them when it has to wait.
   * When it fails, `error.count` messages were put.
   */
  putMany(items: Iterable<T>, wait?: Wait): Promise<void> {
    return this.#puts.putMany(items, wait);
  }

  /** As {@link putMany}, and blocks this thread where it has to wait. */
  putManySync(items: Iterable<T>, wait?: Wait): void {
    this.#puts.putManySync(items, wait);
  }

  /**
   * Waits for a message, and takes all that are there, at most `max`, under one lock.
   *
   * If one of them cannot be deserialised, those before it are returned. The next call, of whatever form, throws the error,
   * and the ones after that get the rest.
   *
   * @returns 1 … `max` messages; none when the time has passed
   */
  getMany(max: number, wait?: Wait): Promise<T[]> {
    return this.#gets.getMany(max, wait) as Promise<T[]>;
  }

  /** As {@link getMany}, and blocks this thread where it has to wait. */
  getManySync(max: number, wait?: Wait): T[] {
    return this.#gets.getManySync(max, wait) as T[];
  }

  /**
   * What the queue is doing: how much waits, who waits, and of a JoinableQueue who has what open. As {@link inspect} tells of a
   * name. Reads much of the queue's memory: for people and monitoring, not for each message.
   */
  stats(): QueueInfo {
    if (this.#ring.closed) throw closedError('Queue');
    return queueInfoOf(this.#block);
  }

  /** How many messages nobody has taken yet, exactly as of some moment during the call. */
  qsize(): number {
    return this.#last?.size ?? this.#ring.length + this.#gets.kept;
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
    this.#ring.end();
  }

  /**
   * Opens the queue anew after {@link end}, for all processes: messages can be put again. Those that are there stay. A named
   * queue stays ended for the next run of a program, too, until this is called. Nothing if it has not ended.
   */
  reset(): void {
    if (this.#ring.closed) throw closedError('Queue');
    this.#ring.puts.clearState(ended | draining);
  }

  /** Gets message after message, until the queue has ended. Any number of loops share the messages. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return untilEnded(() => this.get());
  }

  /**
   * Lets go of the queue in this process: puts and gets that are pending here fail. What was put stays for the others.
   * `qsize()` and `full()` answer what they would have answered now. Idempotent.
   */
  close(): void {
    if (this.#ring.closed) return;
    this.#notices.close();
    this.#last = { size: this.qsize() };
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
      if (this.#gets.kept > 0) return true;
      this.#ring.look();
      return native.ringWait(TargetKind.ringItems, this.#block.segment.id, this.#block.body, 0, 0, false) !== 0;
    };
    ready();
    const watch = (call: () => void) => nativeNotice(TargetKind.ringItems, this.#block, 0, 0, call);
    return {
      ready,
      notice: (callback) => {
        const stop = this.#ring.joinable ? this.#gets.keepLooking() : undefined;
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
      longestSleep: this.#ring.joinable ? buryMs : undefined,
    };
  }

  /** @internal */
  [blockOf](): Block {
    if (this.#ring.closed) throw closedError('Queue');
    return this.#block;
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

  /** @internal */
  protected get gets(): QueueGets {
    return this.#gets;
  }
}
isNoData(Queue);

const handleKinds: Readonly<Record<number, HandleKind>> = {
  [BlockKind.queue]: HandleKind.queue,
  [BlockKind.joinableQueue]: HandleKind.joinableQueue,
  [BlockKind.simpleQueue]: HandleKind.simpleQueue,
};

registerArrival(HandleKind.queue, (handle) => new Queue(Block.arrive(handle, BlockKind.queue)));

const queueFields = {
  name: objectName,
  capacity: checkedBy<number>((value, name) => {
    if (Number.isSafeInteger(value) && (value as number) > 0) return;
    throw new RangeError(`Expected "${name}" to be a positive number of bytes, got ${describe(value)}`);
  }),
};

/** By kind of queue. */
const tables: Readonly<Record<number, OptionTable<QueueOptions>>> = {
  [BlockKind.queue]: new OptionTable<QueueOptions>(queueFields),
  [BlockKind.joinableQueue]: new OptionTable<QueueOptions & DeliveryOptions>({ ...queueFields, ...deliveryFields }),
  [BlockKind.simpleQueue]: nameOptions,
};

function obtain(
  mode: Mode,
  kind: BlockKind,
  maxsize: unknown,
  options: (QueueOptions & DeliveryOptions) | undefined,
): Block {
  (tables[kind] as OptionTable<QueueOptions>).check(options, kindNames[kind] as string);
  if (!Number.isInteger(maxsize) || (maxsize as number) > 2 ** 31 - 1) {
    throw new TypeError(`Expected "maxsize" to be an integer below 2^31, got ${describe(maxsize)}`);
  }
  return obtainRing(mode, kind, {
    maxsize: Math.max(maxsize as number, 0),
    capacity: options?.capacity,
    name: options?.name,
    chains: kind !== BlockKind.simpleQueue,
    ...(kind === BlockKind.joinableQueue ? deliveryOf(options) : {}),
  });
}
