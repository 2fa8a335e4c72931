/** JoinableQueue: a queue whose producers can wait until everything that was put has been dealt with. */
import { now, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { TimeoutError, ValueError } from '../errors.js';
import { TargetKind } from '../native.js';
import { HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind, closedError } from '../shared/block.js';
import { buryMs } from './get-end.js';
import { Line, notYet } from './line.js';
import { Queue, type QueueOptions } from './queue.js';

/** Options of {@link JoinableQueue}. */
export interface JoinableQueueOptions extends QueueOptions {
  /**
   * What a consumer took and did not acknowledge before it died or ended is delivered again, before what nobody has taken
   * yet, the oldest first; by default it counts as done. A consumer acknowledges its messages in the order in which it took
   * them. Until then they take memory of their own, `capacity` bytes at most: a `get` without room fails with `ENOSPC`.
   */
  redeliver?: boolean | undefined;
}

/**
 * A {@link Queue} that counts what consumers have not acknowledged yet; mirrors `multiprocessing.JoinableQueue`.
 *
 * What a consumer took and did not acknowledge before it died or ended counts as done, so that `join` ends, or is delivered
 * again with `redeliver`; in CPython it waits for ever then.
 */
export class JoinableQueue<T = unknown> extends Queue<T> {
  #joins: Line | undefined;

  /**
   * @param maxsize as for {@link Queue}
   * @param options `redeliver` is compared when a named queue is opened
   */
  constructor(maxsize?: number, options?: JoinableQueueOptions);
  /** @internal */
  constructor(block: Block);
  constructor(maxsize: number | Block = 0, options?: JoinableQueueOptions) {
    super(maxsize as number, options);
  }

  /** @internal */
  static override get blockKind(): BlockKind {
    return BlockKind.joinableQueue;
  }

  /** Makes a queue that must not exist yet: `EEXIST`. */
  static override create<Q extends typeof Queue>(
    this: Q,
    maxsize = 0,
    options?: JoinableQueueOptions,
  ): InstanceType<Q> {
    return Queue.create.call(this, maxsize, options) as InstanceType<Q>;
  }

  /**
   * Says that a message that was taken has been dealt with. Mirrors `task_done`.
   *
   * @throws ValueError, with nothing changed, if it was called as often as messages were put
   */
  taskDone(): void {
    if (this.ring.closed) throw closedError('JoinableQueue');
    if (!this.ring.acknowledge()) throw new ValueError('taskDone() was called more often than messages were put');
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
    this.ring.bury();
    if (this.ring.allDone) return;
    if (parsed.deadline <= 0) throw unfinished();
    const line = this.#line;
    const look = setInterval(() => {
      if (!this.ring.closed) this.ring.bury();
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
      this.ring.bury();
      if (this.ring.allDone) return;
      const at = now();
      if (at >= deadline) throw unfinished();
      this.ring.waitForDone(Math.min(deadline, at + buryMs));
    }
  }

  /** As `Queue.close`; what waits in `join` here is rejected with `ClosedError`. */
  override close(): void {
    this.#joins?.close(closedError('JoinableQueue'));
    this.#joins = undefined;
    super.close();
  }

  get #line(): Line {
    this.#joins ??= new Line(this.ring.block, TargetKind.ringDone, () => 0);
    return this.#joins;
  }
}

registerArrival(HandleKind.joinableQueue, (handle) => new JoinableQueue(Block.arrive(handle, BlockKind.joinableQueue)));

function unfinished(): TimeoutError {
  return new TimeoutError('Messages are not acknowledged yet');
}
