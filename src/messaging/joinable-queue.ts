/** JoinableQueue: a queue that knows which messages are dealt with. */

import { now, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { LeaseExpiredError, TimeoutError, ValueError } from '../errors.js';
import { inBackground } from '../lifecycle/background.js';
import { TargetKind } from '../native.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind, closedError } from '../shared/block.js';
import type { JoinableQueueInfo } from '../shared/queue-info.js';
import { clearInterval, setInterval } from '../timing.js';
import { DeadLetter } from './dead-letter.js';
import { checkDeadLetterName, putDeadLetter } from './dead-letter-queue.js';
import { Settled } from './deliveries.js';
import type { Delivery } from './delivery.js';
import type { DeliveryOptions } from './delivery-options.js';
import { buryMs } from './get-end.js';
import { Line, notYet } from './line.js';
import { Queue, type QueueOptions } from './queue.js';
import { TakenMessage } from './taken-message.js';
import { untilEnded } from './until-ended.js';

/**
 * Options of {@link JoinableQueue}. All openers of a named queue have those that it was made with: `redeliver` is compared on
 * opening, and of `maxAttempts`, `lease` and the name of the dead-letter queue those that are given.
 */
export interface JoinableQueueOptions extends QueueOptions, DeliveryOptions {}

/**
 * A {@link Queue} whose consumers acknowledge what they have dealt with; mirrors `multiprocessing.JoinableQueue`, and adds
 * what message brokers have.
 *
 * {@link take} gives a message that is acknowledged by name: `message.done()`. With `redeliver` a message whose consumer dies
 * before that is delivered again, so that each is dealt with at least once; otherwise it counts as done, so that `join` ends,
 * which waits for ever in CPython then.
 *
 * Python's form, `get` and {@link taskDone}, is for consumers that have one message at a time.
 */
export class JoinableQueue<T = unknown> extends Queue<T> {
  #joins: Line | undefined;
  /** Without a name: other objects of this queue know it from the handle that they came by. */
  #deadLetterQueue: Queue | undefined;
  readonly #lease: number;

  /**
   * @param maxsize as for {@link Queue}
   * @throws TypeError, RangeError for options that are none
   * @throws MultiprocError `ERR_MULTIPROC_KIND` if a named queue exists with other options
   */
  constructor(maxsize?: number, options?: JoinableQueueOptions);
  /** @internal */
  constructor(block: Block);
  constructor(maxsize: number | Block = 0, options?: JoinableQueueOptions) {
    super(maxsize as number, options);
    const { deliveries } = this.ring.gets;
    this.#lease = deliveries.rules.lease;
    const name = deliveries.rules.deadLetter;
    try {
      if (name !== '' && !(maxsize instanceof Block)) checkDeadLetterName(name, this.name);
    } catch (error) {
      this.close();
      throw error;
    }
    if (name !== '') deliveries.deadLetters = (value) => putDeadLetter(value, name);
    else if (typeof options?.deadLetter === 'object') this.#sendDeadLettersTo(options.deadLetter);
  }

  /** @internal */
  static override get blockKind(): BlockKind {
    return BlockKind.joinableQueue;
  }

  /** Makes a queue that must not exist yet: `EEXIST`. */
  static override create<Q extends typeof Queue>(
    this: Q,
    maxsize?: number,
    options?: JoinableQueueOptions,
  ): InstanceType<Q>;
  static override create<T>(maxsize?: number, options?: JoinableQueueOptions): JoinableQueue<T>;
  static override create(this: typeof Queue, maxsize = 0, options?: JoinableQueueOptions): JoinableQueue {
    const queue = Queue.create.call(this, maxsize, options) as JoinableQueue;
    if (typeof options?.deadLetter === 'object' && queue.ring.gets.deliveries.rules.deadLetter === '') {
      queue.#sendDeadLettersTo(options.deadLetter);
    }
    return queue;
  }

  /** Opens a queue that must exist: `ENOENT`. */
  static override open<Q extends typeof Queue>(this: Q, name: string): InstanceType<Q>;
  static override open<T>(name: string): JoinableQueue<T>;
  static override open(this: typeof Queue, name: string): JoinableQueue {
    return Queue.open.call(this, name) as JoinableQueue;
  }

  /**
   * Takes the oldest message, which this thread has open until it is acknowledged, given back or given up. Any number may be
   * open at a time. Does not block the event loop.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: for ever
   * @throws Empty when the time has passed
   * @throws EOFError after `end()`, when no message waits, is delayed, or is open in another thread or process
   * @throws ClosedError after `close()`
   * @throws SystemError `ENOSPC` if there is no memory to keep the message
   */
  async take(wait?: Wait): Promise<TakenMessage<T>> {
    return this.#message(await this.gets.take(wait));
  }

  /** As {@link take}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  takeSync(wait?: Wait): TakenMessage<T> {
    return this.#message(this.gets.takeSync(wait));
  }

  /** Takes the oldest message if there is one; `undefined` if there is none. */
  tryTake(): TakenMessage<T> | undefined {
    const taken = this.gets.tryTake();
    return taken === undefined ? undefined : this.#message(taken);
  }

  /**
   * Waits for a message, and takes all that are there, at most `max`, under one lock.
   *
   * @returns 1 … `max` messages; none when the time has passed
   */
  async takeMany(max: number, wait?: Wait): Promise<TakenMessage<T>[]> {
    return (await this.gets.takeMany(max, wait)).map((taken) => this.#message(taken));
  }

  /** As {@link takeMany}, and blocks this thread where it has to wait. */
  takeManySync(max: number, wait?: Wait): TakenMessage<T>[] {
    return this.gets.takeManySync(max, wait).map((taken) => this.#message(taken));
  }

  /**
   * Takes message after message, until the queue has ended. Any number of loops share the messages, in one thread or in many
   * processes. A loop that is left takes no further message; what it has taken stays open.
   */
  messages(): AsyncGenerator<TakenMessage<T>, void, undefined> {
    return untilEnded(() => this.take());
  }

  /**
   * Says that a message that `get` took has been dealt with. Mirrors `task_done`.
   *
   * Without `redeliver` one message is as good as another, and it may be one that another process has taken. With it, a
   * message that is acknowledged by mistake for another would be lost: it is the one that this thread has open, or the one
   * whose value is given.
   *
   * @param value with `redeliver`: what `get` returned, the very same object
   * @throws ValueError, with nothing changed, if it was called as often as messages were put; with `redeliver` also if
   *   `get` took several messages that are open, and no value says which one is done, or none
   * @throws LeaseExpiredError `ERR_MULTIPROC_LEASE` if its lease has ended
   */
  taskDone(value?: T): void {
    if (this.ring.closed) throw closedError('JoinableQueue');
    const end = this.ring.gets;
    if (end.redelivers) {
      this.#taskDone(value);
      return;
    }
    if (!end.owes && [...end.openHere].some((delivery) => delivery.named)) {
      throw new ValueError('taskDone() is for what get() took: call done() on the messages that take() gave');
    }
    if (!end.acknowledge()) throw new ValueError('taskDone() was called more often than messages were put');
  }

  /** As {@link Queue.stats}, and who has what open, what is delayed, and how many dead letters are kept. */
  override stats(): JoinableQueueInfo {
    return super.stats() as JoinableQueueInfo;
  }

  /**
   * Dead letters that are kept here, the oldest first: messages that were delivered `maxAttempts` times, or that a consumer
   * gave up by `fail(reason)`. They count as done. None if they go to a dead-letter queue, but those that it did not take.
   */
  deadLetters(): DeadLetter<T>[] {
    const end = this.ring.gets;
    const letters = end.change((deliveries) => {
      deliveries.look();
      return deliveries.listDead();
    });
    return letters.map(({ ticket, value, why, reason }) => new DeadLetter<T>(end, ticket, value, why, reason));
  }

  /**
   * Waits until every message that was put is acknowledged, or went with a consumer that died; without blocking the event
   * loop.
   *
   * @throws TimeoutError when the time has passed (Python's `join` takes no time)
   */
  async join(wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    if (this.ring.closed) throw closedError('JoinableQueue');
    this.ring.look();
    if (this.ring.allDone) return;
    if (parsed.deadline <= 0) throw unfinished();
    const line = this.#line;
    const look = setInterval(() => {
      if (!this.ring.closed) inBackground('messages of consumers that have ended', () => this.ring.look());
    }, buryMs);
    look.unref();
    try {
      const result = await line.wait(this, parsed, () => (this.ring.allDone ? true : notYet));
      if (result === undefined) throw unfinished();
    } finally {
      clearInterval(look);
    }
  }

  /** As {@link join}, blocking the thread; no JavaScript runs meanwhile, signal handlers included. */
  joinSync(wait?: Wait): void {
    const deadline = parseSyncWait(wait);
    for (;;) {
      if (this.ring.closed) throw closedError('JoinableQueue');
      this.ring.look();
      if (this.ring.allDone) return;
      const at = now();
      if (at >= deadline) throw unfinished();
      this.ring.waitForDone(Math.min(deadline, at + buryMs));
    }
  }

  /**
   * As `Queue.close`; what waits in `join` here is rejected with `ClosedError`. With `redeliver`, and for what `take` took,
   * messages that this object has open are given back.
   */
  override close(): void {
    if (!this.ring.closed) this.ring.gets.giveBackAll();
    this.#joins?.close(closedError('JoinableQueue'));
    this.#joins = undefined;
    super.close();
  }

  /** @internal */
  override [depart](): Departure {
    const to = this.#deadLetterQueue;
    if (to === undefined || to.ring.closed || this.ring.closed) return super[depart]();
    return this.ring.block.depart(HandleKind.joinableQueue, 0, [to]);
  }

  #taskDone(value: T | undefined): void {
    const end = this.ring.gets;
    const got = end.openGot();
    if (value !== undefined) {
      const named = got.find((delivery) => delivery.has(value));
      if (named === undefined) {
        throw new ValueError(
          'No message with this value is open here: give taskDone() the very object that get() returned',
        );
      }
      this.#acknowledge(named.settle({ form: 'done' }));
      return;
    }
    if (got.length > 1) throw severalOpen(got.length);
    if (got.length === 1) {
      this.#acknowledge((got[0] as Delivery).settle({ form: 'done' }));
      return;
    }
    // Another object of this thread may have taken it.
    const tickets = end.openByGet();
    if (tickets.length > 1) throw severalOpen(tickets.length);
    const [ticket] = tickets;
    if (ticket !== undefined) this.#acknowledge(end.settleOwn(ticket));
    else if (end.allDone) throw new ValueError('taskDone() was called more often than messages were put');
    else throw noneOpen();
  }

  #acknowledge(outcome: Settled): void {
    if (outcome === Settled.leaseEnded) throw new LeaseExpiredError();
    if (outcome === Settled.notYours) throw new ValueError('The message is not open any more');
  }

  #message(delivery: Delivery): TakenMessage<T> {
    return new TakenMessage<T>(delivery, this.#lease);
  }

  #sendDeadLettersTo(queue: Queue): void {
    this.#deadLetterQueue = queue;
    this.ring.gets.deliveries.deadLetters = (value) => putDeadLetter(value, queue);
  }

  /** @internal */
  static arrive(block: Block, nested: readonly object[]): JoinableQueue {
    const queue = new JoinableQueue(block);
    if (nested[0] instanceof Queue) queue.#sendDeadLettersTo(nested[0] as Queue);
    return queue;
  }

  get #line(): Line {
    this.#joins ??= new Line(this.ring.block, TargetKind.ringDone, () => 0);
    return this.#joins;
  }
}

registerArrival(HandleKind.joinableQueue, (handle) =>
  JoinableQueue.arrive(Block.arrive(handle, BlockKind.joinableQueue), handle.nested),
);

function severalOpen(count: number): ValueError {
  return new ValueError(
    `${count} messages that get() took are open here, and taskDone() does not guess which one is done: ` +
      'name it, taskDone(value), or use take(), whose messages have done()',
  );
}

function noneOpen(): ValueError {
  return new ValueError(
    'No message that get() took is open in this thread: taskDone() acknowledges no other in a queue with "redeliver"; ' +
      'messages that take() gave have done()',
  );
}

function unfinished(): TimeoutError {
  return new TimeoutError('Messages are not acknowledged yet');
}
