/**
 * What goes on between a pool and its workers: tasks into one ring, what came of them out of another, and nothing lost
 * when a worker dies.
 *
 * Workers take tasks one at a time, so none waits behind a long one while somebody is idle. The parent keeps each task until
 * its outcome is there, or its worker has ended without one. What does not fit into the ring waits here.
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
 * So many bytes of tasks may be in flight before others wait here, as a copy of what is theirs; a larger task goes alone.
 * Half of what the ring may take, so that results find room: where shared memory is short, it is that.
 */
const mostBytes = 128 * 1024 * 1024;
/** So many bytes in flight are enough for workers not to wait. */
const plentyBytes = 4 * 1024 * 1024;
/** How long outcomes are served before the event loop gets a turn, in ms. */
const longestService = 8;
/** How long the parent looks for outcomes, turn by turn of the event loop, before it sleeps, in ms. */
const longestLook = 0.05;
/** How often outcomes are looked for where no thread can wait for them, in ms. */
const pollMs = 5;
/** How often looking may fail before it is given up. */
const mostPatience = 8;

/** What the traffic tells the pool. */
export interface TrafficOwner {
  /** The worker in the row takes tasks. */
  ready(row: number): void;
  /** The initializer of the worker in the row threw. */
  unable(row: number, error: unknown): void;
  /** An uncaught error is about to end the worker in the row. */
  dying(row: number, error: unknown): void;
  /** The worker in the row should look at the board. */
  alert(row: number): void;
  /** The worker in the row has not stopped in time. */
  overdue(row: number): void;
  /** An outcome was served: perhaps nothing is left, or there is room. */
  moved(): void;
  /** Whether a worker is on its way. */
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
  /** Those in flight, by place. */
  readonly #flying: (PoolTask | undefined)[] = [];
  readonly #free: number[] = [];
  /** What is in the ring, or with a worker, and keeps memory until it is received; by place. */
  readonly #kept = new Map<number, { readonly ordinal: number; readonly payload: Payload }>();
  #flyingCount = 0;
  #flyingBytes = 0;
  readonly #mostBytes = Math.min(mostBytes, defaultCapacity() / 2);
  /** Those that found no room. */
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

  /** How many tasks no worker has settled. */
  get unfinished(): number {
    return this.#flyingCount + this.#backlog.length + this.#makings.size;
  }

  /** How many nobody has taken. */
  get queued(): number {
    return (this.#closed ? 0 : this.#taskRing.length) + this.#backlog.length;
  }

  /** Whether it makes sense to give it more before something is done. */
  get isRoomy(): boolean {
    return this.#backlog.length === 0 && this.#flyingBytes < plentyBytes;
  }

  /** Takes a task. What is in the payload is read now. */
  submit(task: PoolTask, payload: Payload): void {
    task.submitted = clock();
    if (this.#backlog.length > 0 || !this.#launch(task, payload)) this.#backlog.add(task, payload);
    this.attend();
  }

  /**
   * Cancels the task: settles it with the reason, and interrupts the worker if it is running.
   *
   * @param force also of a task that cannot be interrupted: its worker is ended after the grace
   */
  giveUp(task: PoolTask, why: Interrupt, reason: unknown, force = false): void {
    if (task.over) return;
    task.over = true;
    if (task.place >= 0) this.#interrupt(task, why, force);
    else this.#backlog.giveUp(task);
    // What nobody wanted any more has not failed.
    if (why !== Interrupt.none) this.#count(task, -1, false, 0, 0);
    task.settle(false, reason);
    this.#owner.moved();
    this.attend();
  }

  /** What is there is served. For those who block the thread: `false` when nothing came until the deadline. */
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
   * The worker in the row has ended, in this way: the task that it was running, if any, is settled, everything that it had
   * said before is heard.
   *
   * @returns `false` if nobody can say yet what it was running, as a stopped process is about to take a task: ask again
   */
  judge(row: number, error: (task: PoolTask) => WorkerLostError): boolean {
    if (this.#closed) return true;
    const ordinal = this.board.get(row, Row.ordinal);
    if (!this.#taskRing.settleGets()) return false;
    const taken = ((this.#taskRing.taken - ordinal) | 0) >= 0;
    const bySomebodyElse = this.#isRunElsewhere(row, ordinal);
    const received = this.board.get(row, Row.received) === ordinal;
    this.#serve(Infinity);
    // What came may have been the last of all: then nobody is left, and all is closed.
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

  /** Everything that is unfinished fails. */
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

  /** Workers end when they have done what is there. */
  end(): void {
    if (!this.#closed) this.tasks.end();
  }

  /** Nobody is left to read what is in the rings: shared objects in it are no longer kept. */
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

  /** In the child of a fork: all of it is the parent's. The memory stays: the child may be a worker of this very pool. */
  forget(): void {
    this.#closed = true;
    this.#notice = undefined;
    for (const task of this.#flying) clearTimeout(task?.timer);
    this.#kept.clear();
  }

  /** Puts it into the ring; `false` if there is no room now. */
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
      // What is read of the results frees memory, too.
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

  /** The task is in flight no more. */
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

  /** A worker has died with the task before it received anything of it. */
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

  /** Serves what is there; how many outcomes. */
  #serve(until: number): number {
    let served = 0;
    while (!this.#closed) {
      const found = this.#resultRing.tryTakeRecord(this.#reader);
      if (found === nothing || found === busy) break;
      served++;
      try {
        this.#take();
      } catch (error) {
        // Of a handler of the program's: an uncaught error, but no outcome is lost for it.
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
      // Without its cause the death of the worker is reported all the same.
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
    // Of a task that everybody has given up.
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
      // The outcome may be there already.
      this.#serve(Infinity);
      const error = new TimeoutError(`The task has taken longer than ${task.timeout} ms`);
      if (task.place >= 0) this.giveUp(task, Interrupt.late, error);
    };
    arm();
  }

  /** A queued task will not be run; one that is running is told to stop, and its worker ended if it does not. */
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
        // It may have ended in time, and only this thread was busy.
        this.#serve(Infinity);
        if (task.place >= 0 && board.get(row, Row.ordinal) === task.ordinal) this.#owner.overdue(row);
      }, this.#grace);
    }
  }

  /**
   * The task that the worker in the row took. A worker may die between the two words of its claim, and another one finish
   * it: then the place is that of an earlier task, and the ordinal alone is right.
   */
  #find(row: number, ordinal: number): PoolTask | undefined {
    const place = this.board.get(row, Row.place) - 1;
    if (place < 0) return undefined;
    const task = this.#flying[place];
    return task?.ordinal === ordinal ? task : this.#flying.find((other) => other?.ordinal === ordinal);
  }

  /** A worker that died before its claim counted may have left it to another one. */
  #isRunElsewhere(dead: number, ordinal: number): boolean {
    for (let row = 0; row < this.#size; row++) {
      if (row !== dead && this.board.get(row, Row.place) !== 0 && this.board.get(row, Row.ordinal) === ordinal)
        return true;
    }
    return false;
  }

  /** Sees to it that news are heard, as long as any may come. */
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

  /** Calls back when there are outcomes; every few milliseconds where no thread can be started that would notice them. */
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

  /** Nothing is waited for any more. */
  #rest(): void {
    this.#notice?.cancel();
    this.#notice = undefined;
  }
}
