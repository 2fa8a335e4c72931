/**
 * The tasks of this thread that wait for one object, oldest first.
 *
 * One wait of the native waiter stands for all of them. Its acquisition goes to the oldest task; a release by this
 * thread can be handed to the oldest task at once (`settleOldest`), without going through memory.
 */
import type { ParsedWait } from '../deadline.js';
import { now, timerMs } from '../deadline.js';
import { onReattach } from '../lifecycle/participant.js';
import { threadState } from '../lifecycle/thread-state.js';
import { throwLater } from '../lifecycle/uncaught.js';
import { native, TargetKind } from '../native.js';
import type { Block } from '../shared/block.js';
import { clearTimeout, setTimeout } from '../timing.js';

/** How long a wait for an object that this thread itself holds goes without a native wait. */
const localMs = 10;

/** The result of {@link WaitQueue.wait} after the deadline. */
export const missed = -1;

/** Receives the acquisitions of the native waiter. */
export interface Receiver {
  deliver(won: number): void;
  /** In the child of a fork: what waits is the parent's. */
  forget(): void;
}

/** The queue of a waiting task. */
export interface Canceller {
  /** Takes a task out that will not wait any longer. */
  cancel(waiter: Waiter, settle: () => void): void;
}

/** One task that waits. */
export class Waiter {
  readonly owner: object;
  readonly keepsAlive: boolean;
  readonly #resolve: (won: number) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dismissed = false;
  /** Its acquisition, until its task continues. */
  won = missed;
  /** Why the acquisition was revoked before its task continued. */
  revoked: unknown;

  constructor(
    queue: Canceller,
    owner: object,
    wait: ParsedWait,
    resolve: (won: number) => void,
    reject: (reason: unknown) => void,
  ) {
    this.owner = owner;
    this.keepsAlive = wait.ref;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = wait.signal;
    if (wait.signal !== undefined) {
      const { signal } = wait;
      this.#onAbort = () => queue.cancel(this, () => reject(signal.reason));
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    if (wait.deadline !== Infinity) this.#setTimer(queue, wait.deadline);
    if (this.keepsAlive) keepAlive(1);
  }

  /** Gives the task what it waited for. */
  settle(won: number): void {
    this.dismiss();
    this.won = won;
    this.#resolve(won);
  }

  fail(reason: unknown): void {
    this.dismiss();
    this.#reject(reason);
  }

  /** Undoes everything that the wait has set up. */
  dismiss(): void {
    if (this.#dismissed) return;
    this.#dismissed = true;
    clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.keepsAlive) keepAlive(-1);
  }

  #setTimer(queue: Canceller, deadline: number): void {
    const expire = () => {
      // Timers count in whole milliseconds of another clock, and the longest is 25 days.
      if (now() < deadline) this.#setTimer(queue, deadline);
      else queue.cancel(this, () => this.#resolve(missed));
    };
    this.#timer = setTimeout(expire, timerMs(deadline - now()));
    if (!this.keepsAlive) this.#timer.unref();
  }
}

export class WaitQueue implements Receiver, Canceller {
  readonly #kind: number;
  readonly #block: Block;
  readonly #limit: number;
  readonly #surrender: (won: number) => void;
  readonly #argument: number | undefined;
  /** The argument of each new native wait, and the report of a task that was released. */
  live: { argument(): number; claim(): void } | undefined;
  #waiters: Waiter[] = [];
  /** Tasks that were given what they waited for, and have not gone on yet: until then it can still be taken back. */
  readonly #settled = new Set<Waiter>();
  #ticket = 0;
  #localTimer: NodeJS.Timeout | undefined;

  /**
   * @param surrender gives back what was won for tasks that have all stopped waiting
   * @param argument names the moment that all tasks of the queue wait for: it frees them all, not only the oldest
   */
  constructor(kind: number, block: Block, limit: number, surrender: (won: number) => void, argument?: number) {
    this.#kind = kind;
    this.#block = block;
    this.#limit = limit;
    this.#surrender = surrender;
    this.#argument = argument;
    queues.add(this);
  }

  get length(): number {
    return this.#waiters.length;
  }

  /**
   * Queues a task. It gets what was won, or {@link missed}; it rejects with the signal's reason.
   *
   * @param heldHere this thread holds the object, so most likely it will also be the one to pass it on
   */
  async wait(owner: object, wait: ParsedWait, heldHere: boolean): Promise<number> {
    start();
    let waiter: Waiter | undefined;
    const won = await new Promise<number>((resolve, reject) => {
      waiter = new Waiter(this, owner, wait, resolve, reject);
      this.#waiters.push(waiter);
      if (!heldHere) this.arm();
      else this.armLater();
    });
    this.#settled.delete(waiter as Waiter);
    if (waiter?.revoked !== undefined) throw waiter.revoked;
    return won;
  }

  /** Gives the acquisition to the oldest task. `false` if there is none. */
  settleOldest(won: number): boolean {
    const waiter = this.#waiters.shift();
    if (this.#waiters.length === 0) this.disarm();
    if (waiter === undefined) return false;
    this.#settled.add(waiter);
    waiter.settle(won);
    return true;
  }

  /**
   * Makes the native waiter wait for these tasks, if there are any. Where that fails, for want of a thread, the tasks reject: timers
   * and releases call this, which cannot handle the error of a wait.
   */
  arm(): void {
    this.#forgetTimer();
    if (this.#ticket !== 0 || this.#waiters.length === 0) return;
    const { segment, body } = this.#block;
    const argument = this.live?.argument() ?? this.#argument ?? 0;
    try {
      this.#ticket = native.waitArm(this.#kind, segment.id, body, this.#limit, argument);
    } catch (error) {
      // Left in the queue, they would be given what they do not give back.
      for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
      return;
    }
    armed.set(this.#ticket, this);
  }

  /** As {@link arm}, in a moment: for what this thread holds, and most likely gives back before. */
  armLater(): void {
    if (this.#ticket !== 0 || this.#waiters.length === 0 || this.#localTimer !== undefined) return;
    // Another process may release what this thread holds: rare, but no task may hang for it.
    this.#localTimer = setTimeout(() => this.arm(), localMs);
    this.#localTimer.unref();
  }

  /** Stops the native wait. An acquisition that it had made already is given back, or returned with `keep`. */
  disarm(keep = false): number {
    this.#forgetTimer();
    if (this.#ticket === 0) return missed;
    const won = native.waitDisarm(this.#ticket);
    armed.delete(this.#ticket);
    this.#ticket = 0;
    if (won === missed || keep) return won;
    // An unclaimed acquisition is still in memory.
    if (this.live === undefined) this.#surrender(won);
    return missed;
  }

  /** Delivers a native acquisition to its task now, before the event loop does. */
  deliverEarly(): void {
    if (this.#ticket !== 0 && native.waitWon(this.#ticket) !== missed) this.deliver(this.disarm(true));
  }

  /** The native waiter has won something. */
  deliver(won: number): void {
    this.#ticket = 0;
    if (this.#argument !== undefined) {
      for (const waiter of this.#waiters.splice(0)) waiter.settle(won);
      return;
    }
    this.live?.claim();
    if (!this.settleOldest(won)) {
      this.#surrender(won);
      return;
    }
    if (this.#waiters.length === 0) return;
    // A lock is now held here, a semaphore may have more to give.
    if (this.#kind === TargetKind.lock) this.armLater();
    else this.arm();
  }

  /** Takes a task out that will not wait any longer. */
  cancel(waiter: Waiter, settle: () => void): void {
    const index = this.#waiters.indexOf(waiter);
    if (index === -1) return;
    this.#waiters.splice(index, 1);
    waiter.dismiss();
    if (this.#waiters.length === 0) this.disarm();
    settle();
  }

  /** Fails the tasks that wait through this object, which is being closed. */
  failAll(owner: object, reason: unknown): void {
    const leaving = this.#waiters.filter((waiter) => waiter.owner === owner);
    for (const waiter of leaving) this.cancel(waiter, () => waiter.fail(reason));
    for (const waiter of this.#settled) {
      if (waiter.owner !== owner) continue;
      this.#settled.delete(waiter);
      waiter.revoked = reason;
      this.#surrender(waiter.won);
    }
  }

  /** In the child of a fork: these tasks, and the native wait for them, are the parent's. */
  forget(): void {
    this.#forgetTimer();
    for (const waiter of this.#waiters) waiter.dismiss();
    this.#waiters = [];
    this.#ticket = 0;
  }

  /** The object is let go for good. */
  dispose(): void {
    this.disarm();
    queues.delete(this);
  }

  #forgetTimer(): void {
    clearTimeout(this.#localTimer);
    this.#localTimer = undefined;
  }
}

const queues = new Set<Receiver>();
const thread = threadState('wait queue', () => ({
  armed: new Map<number, Receiver>(),
  started: false,
  keepingAlive: 0,
}));
const { armed } = thread;

/** Notifies the receiver of forks, until {@link resign}. */
export function enlist(receiver: Receiver): void {
  queues.add(receiver);
}

export function resign(receiver: Receiver): void {
  queues.delete(receiver);
}

/** Starts a native wait for the receiver; the ticket. */
export function armFor(receiver: Receiver, kind: number, block: Block, argument: number): number {
  const ticket = native.waitArm(kind, block.segment.id, block.body, 0, argument);
  armed.set(ticket, receiver);
  return ticket;
}

/** Stops it. Its acquisition is of no use to other waiters. */
export function disarm(ticket: number): void {
  native.waitDisarm(ticket);
  armed.delete(ticket);
}

/**
 * Calls back once, on a later turn, when the target may be ready; the callback checks again.
 *
 * @param limit, argument as the kind of target needs them
 */
export function nativeNotice(
  kind: number,
  block: Block,
  limit: number,
  argument: number,
  callback: () => void,
): { reference(keep: boolean): void; cancel(): void } {
  start();
  const ticket = native.waitArm(kind, block.segment.id, block.body, limit, argument);
  let pending = true;
  let kept = false;
  const reference = (keep: boolean) => {
    if (!pending || keep === kept) return;
    kept = keep;
    keepAlive(keep ? 1 : -1);
  };
  const end = () => {
    reference(false);
    pending = false;
  };
  armed.set(ticket, {
    deliver() {
      end();
      callback();
    },
    forget: end,
  });
  return {
    reference,
    cancel() {
      if (!pending) return;
      end();
      if (armed.delete(ticket)) native.waitDisarm(ticket);
    },
  };
}

/** Makes the channel by which native waits reach this thread, before its first {@link Waiter}. */
export function start(): void {
  if (thread.started) return;
  thread.started = true;
  native.waitStart((grants) => {
    for (let i = 0; i < grants.length; i += 2) {
      const ticket = grants[i] as number;
      const queue = armed.get(ticket);
      armed.delete(ticket);
      try {
        queue?.deliver(grants[i + 1] as number);
      } catch (error) {
        // Those behind it hear of theirs.
        throwLater(error);
      }
    }
  });
}

function keepAlive(change: number): void {
  thread.keepingAlive += change;
  if (thread.keepingAlive === 0) native.waitReference(false);
  else if (thread.keepingAlive === 1 && change === 1) native.waitReference(true);
}

onReattach(() => {
  for (const receiver of new Set([...armed.values(), ...queues])) receiver.forget();
  armed.clear();
});
