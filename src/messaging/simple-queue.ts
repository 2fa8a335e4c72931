/** SimpleQueue: put, get, and nothing else; what is unread stays small. */

import { forEver } from '../deadline.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { TargetKind } from '../native.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind, blockOf, closedError, type NameOptions } from '../shared/block.js';
import { Line, notYet } from './line.js';
import { Queue } from './queue.js';
import { type Readiness, waitable } from './waitable.js';

/** More than so many unread bytes of one message make its `put` wait until it was taken. */
const mostUnread = 64 * 1024;

/** Messages that may wait: bytes are what counts. */
const most = 0x7fffffff;

/** What is behind a {@link SimpleQueue}. */
class SmallQueue<T> extends Queue<T> {
  static override get blockKind(): BlockKind {
    return BlockKind.simpleQueue;
  }

  override putAndTell(item: T, written: () => void): Promise<void> {
    return super.putAndTell(item, written);
  }
}

/**
 * A queue of little memory; mirrors `multiprocessing.SimpleQueue`. `put` waits while 64 KiB are unread, as with a pipe:
 * a message larger than that waits for its reader.
 */
export class SimpleQueue<T = unknown> {
  readonly #queue: SmallQueue<T>;
  readonly #large: Line;

  /**
   * Makes an anonymous queue, or opens the named one, which is made if it is missing.
   *
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(options?: NameOptions);
  /** @internal */
  constructor(queue: SmallQueue<T>);
  constructor(options?: NameOptions | SmallQueue<T>) {
    refuseClones(this);
    this.#queue = options instanceof SmallQueue ? options : new SmallQueue<T>(most, options);
    const { ring } = this.#queue;
    this.#large = new Line(ring.block, TargetKind.ringTaken, () => ring.taken);
  }

  /** Makes a queue that must not exist yet: `EEXIST`. */
  static create<T>(options?: NameOptions): SimpleQueue<T> {
    return new SimpleQueue<T>(SmallQueue.create(most, options) as SmallQueue<T>);
  }

  /** Opens a queue that must exist: `ENOENT`. */
  static open<T>(name: string): SimpleQueue<T> {
    return new SimpleQueue<T>(SmallQueue.open(name) as SmallQueue<T>);
  }

  /** Removes the name; those who have the queue open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous queue. */
  get name(): string | undefined {
    return this.#queue.name;
  }

  /**
   * Puts a message, waiting for room without blocking the event loop.
   *
   * @throws TypeError for `undefined`, and for what cannot travel, naming its path
   * @throws ClosedError after `close()`
   */
  async put(item: T): Promise<void> {
    this.#check();
    let last: number | undefined;
    await this.#queue.putAndTell(item, () => {
      last = this.#lastOfLarge();
    });
    const { ring } = this.#queue;
    if (last === undefined) return;
    const number = last;
    await this.#large.wait(this, forEver, () => reached(ring.taken, number) || notYet);
  }

  /** As {@link put}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  putSync(item: T): void {
    this.#check();
    this.#queue.putSync(item);
    const last = this.#lastOfLarge();
    if (last === undefined) return;
    const { ring } = this.#queue;
    for (let taken = ring.taken; !reached(taken, last); taken = ring.taken) ring.waitForTaken(taken, Infinity);
  }

  /** Takes the oldest message, waiting for one without blocking the event loop. */
  get(): Promise<T> {
    return this.#queue.get();
  }

  /** As {@link get}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  getSync(): T {
    return this.#queue.getSync();
  }

  /** Whether no message is there at this moment. */
  empty(): boolean {
    this.#check();
    return this.#queue.empty();
  }

  /** Lets go of the queue in this process: what is pending here fails. Idempotent. */
  close(): void {
    this.#large.close(closedError('SimpleQueue'));
    this.#queue.close();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous queue. */
  unlink(): void {
    this.#queue.unlink();
  }

  /** @internal */
  [blockOf](): Block {
    return this.#queue[blockOf]();
  }

  /** @internal */
  [depart](): Departure {
    return this.#queue[depart]();
  }

  /** @internal */
  [waitable](): Readiness {
    this.#check();
    return this.#queue[waitable]();
  }

  #check(): void {
    if (this.#queue.ring.closed) throw closedError('SimpleQueue');
  }

  /** The number of the message that was just put, if much is unread. */
  #lastOfLarge(): number | undefined {
    const { ring } = this.#queue;
    return ring.lastUnits * 8 > mostUnread ? ring.put : undefined;
  }
}
isNoData(SimpleQueue);

/** Whether one count of 32 bits has come to another. */
function reached(count: number, last: number): boolean {
  return ((count - last) | 0) >= 0;
}

registerArrival(HandleKind.simpleQueue, (handle) => {
  return new SimpleQueue(new SmallQueue(Block.arrive(handle, BlockKind.simpleQueue)));
});
