/**
 * The traffic between a pool and its own workers: tasks through one ring, outcomes through another. Nothing is lost
 * when a worker dies.
 *
 * Workers take tasks one at a time, so none waits behind a long one while another worker is idle. The parent keeps each
 * task until its outcome has arrived, or its worker has ended without one. Tasks that do not fit into the ring wait in
 * the backlog.
 */
import { timerMs } from '../deadline.js';
import { TimeoutError, type WorkerLostError } from '../errors.js';
import { throwLater } from '../lifecycle/uncaught.js';
import { getLogger } from '../logging.js';
import { defaultCapacity } from '../messaging/extents.js';
import { Queue } from '../messaging/queue.js';
import { busy, nothing, Put, type Ring } from '../messaging/ring.js';
import { TargetKind } from '../native.js';
import { noMemoryFor } from '../shared/shortage.js';
import { nativeNotice } from '../sync/wait-queue.js';
import { clearTimeout, setImmediate, setTimeout } from '../timing.js';
import { Backlog } from './backlog.js';
import { Board, type BoardWords, Interrupt, makeBoard, mostPlaces, Row } from './board.js';
import { clock } from './clock.js';
import { PoolFunctions } from './functions.js';
import { Histogram } from './histogram.js';
import { Makings } from './makings.js';
import { OutcomeKind, OutcomeReader } from './outcome-record.js';
import { dropPayload, dropValues, isKeepingPayload, Packing, type Payload } from './payload.js';
import type { PoolTask } from './task.js';
import { readTask, type TakenTask, TaskWriter } from './task-record.js';

/**
 * Upper bound on bytes of tasks in flight; others wait in the backlog, as copies, and a larger task goes alone. It is
 * half of the ring's capacity, so that results find room: where shared memory is short, half of that.
 */
const mostBytes = 128 * 1024 * 1024;
/** Bytes in flight that keep all workers busy. */
const plentyBytes = 4 * 1024 * 1024;
/** Upper bound in ms on serving outcomes without a turn of the event loop. */
const longestService = 8;
/** How long the parent polls for outcomes, turn by turn of the event loop, before it parks, in ms. */
const longestLook = 0.05;
/** Interval in ms between polls for outcomes where no thread can wait for them. */
const pollMs = 5;
/** Upper bound on failed polls in a row. */
const mostPatience = 8;

/** Events that the traffic reports to the pool. */
export interface TrafficOwner {
  /** The worker in the row takes tasks. */
  ready(row: number): void;
  /** The initializer of the worker in the row threw. */
  unable(row: number, error: unknown): void;
  /** An uncaught error is about to end the worker in the row. */
  dying(row: number, error: unknown): void;
  /** The worker in the row should read the board. */
  alert(row: number): void;
  /** The worker in the row has not stopped in time. */
  overdue(row: number): void;
  /** An outcome was served: there may be room, or no work left. */
  moved(): void;
  /** Returns whether a worker is being started. */
  awaitsWorkers(): boolean;
  /** A task was served. */
  finished(task: PoolTask, row: number, ok: boolean, waited: number, ran: number): void;
}

export class Traffic {
  readonly functions: PoolFunctions;
  readonly boardWords: BoardWords;
  readonly board: Board;
  readonly tasks = new Queue();
  readonly results = new Queue();
  readonly runTime = new Histogram();
  readonly waitTime = new Histogram();
  completed = 0;
  failed = 0;
  readonly #size: number;
  readonly #grace: number;
  readonly #owner: TrafficOwner;
  readonly #taskRing: Ring;
  readonly #resultRing: Ring;
  readonly #writer = new TaskWriter();
  readonly #reader: OutcomeReader;
  /** Tasks in flight, by place. */
  readonly #flying: (PoolTask | undefined)[] = [];
  readonly #free: number[] = [];
  /** Payloads in the ring or at a worker that keep memory until they are received, by place. */
  readonly #kept = new Map<number, { readonly ordinal: number; readonly payload: Payload }>();
  #flyingCount = 0;
  #flyingBytes = 0;
  readonly #mostBytes = Math.min(mostBytes, defaultCapacity() / 2);
  /** Tasks that found no room. */
  readonly #backlog = new Backlog();
  readonly #makings = new Makings(() => {
    this.#owner.moved();
    this.attend();
  });
  #isBlocked = false;
  #looking = false;
  #lookUntil = 0;
  #patience = mostPatience;
  #attempts = 0;
  #notice: { reference(keep: boolean): void; cancel(): void } | undefined;
  #isPolling = false;
  #closed = false;

  constructor(size: number, grace: number, rows: () => Iterable<number>, owner: TrafficOwner) {
    this.#size = size;
    this.#grace = grace;
    this.#owner = owner;
    this.functions = new PoolFunctions(rows);
    this.boardWords = makeBoard(size);
    this.board = new Board(this.boardWords);
    this.#taskRing = this.tasks.ring;
    this.#resultRing = this.results.ring;
    this.#reader = new OutcomeReader((place, numbers, at, count) => {
      const task = this.#flying[place];
      if (task !== undefined && !task.over) task.numbers(numbers, at, count);
    });
  }

  /** Number of tasks that no worker has settled. */
  get unfinished(): number {
    return this.#flyingCount + this.#backlog.length + this.#makings.size;
  }

  /** Number of tasks that no worker has taken. */
  get queued(): number {
    return (this.#closed ? 0 : this.#taskRing.length) + this.#backlog.length;
  }

  /** Whether a further submission is useful before an outcome arrives. */
  get isRoomy(): boolean {
    return this.#backlog.length === 0 && this.#flyingBytes < plentyBytes;
  }

  /** Takes a task and reads its payload now. */
  submit(task: PoolTask, payload: Payload): void {
    task.submitted = clock();
    if (this.#backlog.length > 0 || !this.#launch(task, payload)) this.#backlog.add(task, payload);
    this.attend();
  }

  /**
   * Cancels the task: settles it with the reason, and interrupts the worker if it is running.
   *
   * @param force also for a task that cannot be interrupted: its worker is ended after the grace
   */
  giveUp(task: PoolTask, why: Interrupt, reason: unknown, force = false): void {
    if (task.over) return;
    task.over = true;
    if (task.place >= 0) this.#interrupt(task, why, force);
    else this.#backlog.giveUp(task);
    // A task that its caller has aborted has not failed.
    if (why !== Interrupt.none) this.#count(task, -1, false, 0, 0);
    task.settle(false, reason);
    this.#owner.moved();
    this.attend();
  }

  /** Serves pending outcomes for a caller that blocks the thread; returns `false` if none arrived by the deadline. */
  serveSync(deadline: number): boolean {
    const wasBlocked = this.#isBlocked;
    this.#isBlocked = true;
    try {
      this.#makings.hurry();
      if (this.#serve(Infinity) > 0) return true;
      const came = this.#resultRing.waitForItems(deadline);
      this.#serve(Infinity);
      return came;
    } finally {
      this.#isBlocked = wasBlocked;
    }
  }

  /**
   * Settles the task that an ended worker was running, if any, after serving everything that it had sent.
   *
   * @returns `false` if that task is not known yet, because a stopped process is about to take a task: call again
   */
  judge(row: number, error: (task: PoolTask) => WorkerLostError): boolean {
    if (this.#closed) return true;
    const ordinal = this.board.get(row, Row.ordinal);
    if (!this.#taskRing.settleGets()) return false;
    const taken = ((this.#taskRing.taken - ordinal) | 0) >= 0;
    const bySomebodyElse = this.#isRunElsewhere(row, ordinal);
    const received = this.board.get(row, Row.received) === ordinal;
    this.#serve(Infinity);
    // The served outcomes may have been the last ones: then all is closed.
    if (this.#closed) return true;
    this.functions.left(row);
    if (taken && !bySomebodyElse) {
      const task = this.#find(row, ordinal);
      if (!received) this.#dropKept(task?.place ?? this.board.get(row, Row.place) - 1, ordinal);
      if (task !== undefined) {
        this.#land(task);
        this.#settle(task, row, false, error(task), 0, 0);
      }
    }
    if (this.#closed) return true;
    this.board.clearRow(row);
    this.#launchWaiting();
    this.#owner.moved();
    this.attend();
    return true;
  }

  /** Fails all unfinished tasks. */
  failAll(reason: unknown): void {
    for (const task of [...this.#flying, ...this.#backlog.clear()]) {
      if (task === undefined) continue;
      if (task.payload !== undefined) dropPayload(task.payload);
      clearTimeout(task.timer);
      if (task.over) continue;
      task.over = true;
      this.#count(task, -1, false, 0, 0);
      task.settle(false, reason);
    }
    this.#flying.length = 0;
    this.#free.length = 0;
    this.#flyingCount = 0;
    this.#flyingBytes = 0;
    this.#rest();
  }

  /** Lets workers end when they have done the pending tasks. */
  end(): void {
    if (!this.#closed) this.tasks.end();
  }

  /** Releases shared objects in the rings, which have no reader left. */
  dropUnread(): void {
    if (this.#closed) return;
    const reader = { read: readTask, claim: () => {} };
    for (;;) {
      const task = this.#taskRing.tryTakeRecord(reader);
      if (task === nothing || task === busy) break;
      dropValues((task as TakenTask).values);
    }
    for (;;) {
      const outcome = this.#resultRing.tryTakeRecord(this.#reader);
      if (outcome === nothing || outcome === busy) break;
      if (this.#reader.packing <= Packing.list) dropValues(this.#reader.values);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest();
    this.#kept.clear();
    this.tasks.close();
    this.results.close();
    this.board.close();
  }

  /**
   * Forgets everything in the child of a fork: it is the parent's. The memory stays: the child may be a worker of this
   * very pool.
   */
  forget(): void {
    this.#closed = true;
    this.#notice = undefined;
    for (const task of this.#flying) clearTimeout(task?.timer);
    this.#kept.clear();
  }

  /** Puts the task into the ring; returns `false` if there is no room now. */
  #launch(task: PoolTask, payload: Payload): boolean {
    if (this.#flyingCount >= mostPlaces) return false;
    const writer = this.#writer;
    writer.fn = task.fn.number;
    writer.text = task.fn.text;
    writer.application = task.application;
    writer.interruptible = task.interruptible;
    writer.payload = payload;
    const { units } = writer;
    if (this.#flyingCount > 0 && this.#flyingBytes + units * 8 > this.#mostBytes) return false;
    const place = this.#free.pop() ?? this.#flying.length;
    writer.place = place;
    let put: Put = Put.busy;
    try {
      put = this.#taskRing.tryPutRecord(writer, units);
    } finally {
      writer.reset();
      if (put !== Put.done) this.#giveBack(place);
    }
    if (put !== Put.done) {
      // Reading results frees memory, too.
      const never = put === Put.tooLarge || (put === Put.noMemory && this.#resultRing.length === 0);
      if (never || (put === Put.noRoom && (!this.#taskRing.fits(units) || this.#flyingCount === 0))) {
        dropPayload(payload);
        throw noMemoryFor('a task', units * 8, put === Put.noMemory ? undefined : this.#taskRing.capacity);
      }
      return false;
    }
    task.payload = undefined;
    task.place = place;
    task.ordinal = this.#taskRing.put;
    task.size = this.#taskRing.lastUnits * 8;
    if (isKeepingPayload(payload)) this.#kept.set(place, { ordinal: task.ordinal, payload });
    this.#flying[place] = task;
    this.#flyingCount++;
    this.#flyingBytes += task.size;
    return true;
  }

  #giveBack(place: number): void {
    this.#free.push(place);
    if (place === this.#flying.length) this.#flying.push(undefined);
  }

  #launchWaiting(): void {
    const backlog = this.#backlog;
    for (let task = backlog.first; task !== undefined; task = backlog.first) {
      try {
        if (!this.#launch(task, task.payload as Payload)) return;
        backlog.shift();
      } catch (error) {
        backlog.shift();
        task.payload = undefined;
        this.#settle(task, -1, false, error, 0, 0);
      }
    }
  }

  /** Removes the task from those in flight. */
  #land(task: PoolTask): void {
    const { place } = task;
    if (this.#kept.size > 0) this.#kept.delete(place);
    this.#flying[place] = undefined;
    this.#free.push(place);
    this.#flyingCount--;
    this.#flyingBytes -= task.size;
    task.place = -1;
    if (task.over) this.board.uncancel(place);
    if (task.timer !== undefined) clearTimeout(task.timer);
  }

  /** Releases the payload of a task whose worker died before it received any of it. */
  #dropKept(place: number, ordinal: number): void {
    const kept = this.#kept.get(place);
    if (kept === undefined || kept.ordinal !== ordinal) return;
    this.#kept.delete(place);
    dropPayload(kept.payload);
  }

  #settle(task: PoolTask, row: number, ok: boolean, value: unknown, waited: number, ran: number): void {
    if (task.over) return;
    task.over = true;
    this.#count(task, row, ok, waited, ran);
    task.settle(ok, value);
  }

  #count(task: PoolTask, row: number, ok: boolean, waited: number, ran: number): void {
    if (ok) this.completed++;
    else this.failed++;
    this.#owner.finished(task, row, ok, waited, ran);
  }

  /** Serves pending outcomes and returns their number. */
  #serve(until: number): number {
    let served = 0;
    while (!this.#closed) {
      const found = this.#resultRing.tryTakeRecord(this.#reader);
      if (found === nothing || found === busy) break;
      served++;
      try {
        this.#take();
      } catch (error) {
        // A handler of the program threw: an uncaught error, but no outcome is lost for it.
        throwLater(error);
      }
      this.#reader.reset();
      if ((served & 31) === 0 && clock() > until) break;
    }
    if (served > 0) {
      this.#launchWaiting();
      this.#owner.moved();
      this.#notice?.reference(this.unfinished > 0);
    }
    return served;
  }

  #take(): void {
    const { kind, place, row, began, ran, packing, values, failure } = this.#reader;
    if (kind === OutcomeKind.ready) {
      this.#owner.ready(row);
      return;
    }
    if (kind === OutcomeKind.dying) {
      const dying = (error: unknown) => this.#owner.dying(row, error);
      // The death of the worker is reported also without its cause.
      if (failure === undefined) this.#makings.make(values, this.#isBlocked, { made: dying, failed: () => {} });
      return;
    }
    if (kind === OutcomeKind.unable) {
      const unable = (error: unknown) => this.#owner.unable(row, error);
      if (failure !== undefined) unable(failure.error);
      else this.#makings.make(values, this.#isBlocked, { made: unable, failed: unable });
      return;
    }
    const task = this.#flying[place];
    // The task was cancelled.
    if (task === undefined) {
      if (kind === OutcomeKind.began) return;
      this.#kept.delete(place);
      dropValues(values);
      return;
    }
    if (kind === OutcomeKind.began) {
      this.#watchTime(task, began);
      return;
    }
    this.#land(task);
    if (kind === OutcomeKind.skipped) return;
    this.functions.met(row, task.fn);
    const waited = began - task.submitted;
    this.runTime.record(ran);
    this.waitTime.record(waited);
    if (failure !== undefined) {
      this.#settle(task, row, false, failure.error, waited, ran);
      return;
    }
    if (task.relay !== undefined) {
      if (task.over) {
        dropValues(values);
        return;
      }
      task.over = true;
      this.#count(task, row, kind === OutcomeKind.returned, waited, ran);
      task.relay({ ok: kind === OutcomeKind.returned, packing, values, row, waited, ran });
      return;
    }
    if (packing > Packing.list) {
      this.#settle(task, row, true, undefined, waited, ran);
      return;
    }
    this.#makings.make(values, this.#isBlocked, {
      made: (value) => this.#settle(task, row, kind === OutcomeKind.returned, value, waited, ran),
      failed: (error) => this.#settle(task, row, false, error, waited, ran),
      stuck: (error) => task.stick(error),
    });
  }

  #watchTime(task: PoolTask, began: number): void {
    if (task.timeout === Infinity || task.over) return;
    const arm = () => {
      const left = began + task.timeout - clock();
      if (left > 0) {
        task.timer = setTimeout(arm, timerMs(left));
        return;
      }
      // The outcome may have arrived already.
      this.#serve(Infinity);
      const error = new TimeoutError(`The task has taken longer than ${task.timeout} ms`);
      if (task.place >= 0) this.giveUp(task, Interrupt.late, error);
    };
    arm();
  }

  /** Cancels a queued task, or interrupts a running one, whose worker is ended after the grace. */
  #interrupt(task: PoolTask, why: Interrupt, force: boolean): void {
    const { board } = this;
    board.cancel(task.place);
    if (!task.interruptible && !force) return;
    for (let row = 0; row < this.#size; row++) {
      if (board.get(row, Row.ordinal) !== task.ordinal) continue;
      board.set(row, Row.interrupted, task.ordinal);
      board.set(row, Row.interrupt, why);
      this.#owner.alert(row);
      clearTimeout(task.timer);
      task.timer = setTimeout(() => {
        // The task may have ended in time while this thread was busy.
        this.#serve(Infinity);
        if (task.place >= 0 && board.get(row, Row.ordinal) === task.ordinal) this.#owner.overdue(row);
      }, this.#grace);
    }
  }

  /**
   * Finds the task that the worker in the row took. A worker may die between the two words of its claim, and another
   * one finish it: then the place is that of an earlier task, and only the ordinal is right.
   */
  #find(row: number, ordinal: number): PoolTask | undefined {
    const place = this.board.get(row, Row.place) - 1;
    if (place < 0) return undefined;
    const task = this.#flying[place];
    return task?.ordinal === ordinal ? task : this.#flying.find((other) => other?.ordinal === ordinal);
  }

  /** Whether another worker took the task: a worker that died before its claim counted may have left it. */
  #isRunElsewhere(dead: number, ordinal: number): boolean {
    for (let row = 0; row < this.#size; row++) {
      if (row !== dead && this.board.get(row, Row.place) !== 0 && this.board.get(row, Row.ordinal) === ordinal)
        return true;
    }
    return false;
  }

  /** Watches for outcomes as long as any may arrive. */
  attend(): void {
    if (this.#closed || this.#looking) return;
    const isUnfinished = this.unfinished > 0;
    if (!isUnfinished && !this.#owner.awaitsWorkers()) {
      this.#rest();
      return;
    }
    if (this.#notice !== undefined) {
      this.#notice.reference(isUnfinished);
      return;
    }
    this.#attempts++;
    if (isUnfinished && (this.#patience > 0 || (this.#attempts & 15) === 0)) {
      this.#looking = true;
      this.#lookUntil = clock() + longestLook;
      setImmediate(this.#look);
      return;
    }
    this.#sleep();
  }

  readonly #look = () => {
    this.#looking = false;
    if (this.#closed) return;
    const now = clock();
    if (this.#resultRing.length > 0 && this.#serve(now + longestService) > 0) {
      this.#patience = mostPatience;
      this.attend();
      return;
    }
    if (this.unfinished > 0 && now < this.#lookUntil) {
      this.#looking = true;
      setImmediate(this.#look);
      return;
    }
    if (this.#patience > 0) this.#patience--;
    if (this.unfinished > 0 || this.#owner.awaitsWorkers()) this.#sleep();
  };

  #sleep(): void {
    this.#notice = this.#watch(() => {
      this.#notice = undefined;
      this.#serve(clock() + longestService);
      this.attend();
    });
    this.#notice.reference(this.unfinished > 0);
  }

  /**
   * Calls back when there are outcomes; polls every few milliseconds where no thread can be started to wait for them.
   */
  #watch(callback: () => void): { reference(keep: boolean): void; cancel(): void } {
    try {
      return nativeNotice(TargetKind.ringItems, this.#resultRing.block, 0, 0, callback);
    } catch (error) {
      if (!this.#isPolling) {
        this.#isPolling = true;
        getLogger().warning('a pool looks for results every %d ms, as no thread can wait: %s', pollMs, String(error));
      }
      const timer = setTimeout(callback, pollMs);
      return { reference: (keep) => void (keep ? timer.ref() : timer.unref()), cancel: () => clearTimeout(timer) };
    }
  }

  /** Stops watching. */
  #rest(): void {
    this.#notice?.cancel();
    this.#notice = undefined;
  }
}
