/** The workers of a pool: starts them as work comes, and replaces those that end, until the pool closes. */

import { now } from '../deadline.js';
import { MultiprocError, WorkerLostError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { getLogger } from '../logging.js';
import { sweepQuietly } from '../shared/sweep.js';
import { Event } from '../sync/event.js';
import { clearTimeout, setImmediate, setTimeout } from '../timing.js';
import type { Assignment } from './worker/assignment.js';
import type { PoolWorker, WorkerEnd, WorkerSource } from './worker-source.js';

/** The interface of the pool that the crew calls. */
export interface CrewOwner {
  /** Returns the assignment of the next worker in the row. */
  assignment(row: number, attention: Event): Assignment;
  /**
   * Called when a worker has ended, before its row is reused. Returns whether it had done all its work; `undefined` if
   * that is not known yet: the crew calls again.
   */
  ended(row: number, worker: PoolWorker, end: WorkerEnd): boolean | undefined;
  /** Called when the worker with the row's assignment could not be started. */
  unstarted(row: number): void;
  /** Returns the number of tasks that no worker has settled. */
  unfinished(): number;
  /** Called when a worker was started. */
  started(worker: PoolWorker): void;
  /** Called when no workers can be started. */
  failed(error: unknown): void;
  /** Called when all workers have ended and none will follow. */
  gone(): void;
}

/** The number of workers. */
export interface CrewSize {
  /** Upper bound. */
  readonly most: number;
  /** Workers that are started at once, and kept. The others are started when there are more tasks than workers. */
  readonly least: number;
  /** Time in ms after which another worker that has no task ends; `Infinity`: it stays. */
  readonly idleTimeout: number;
}

interface Row {
  readonly attention: Event;
  worker: PoolWorker | undefined;
  /** Whether the worker has reported that it takes tasks. */
  ready: boolean;
  /** When the row needs attention, on the machine's monotonic clock in ms, and the timer for it. */
  due: number;
  timer: NodeJS.Timeout | undefined;
  unwatch: () => void;
}

/**
 * Upper bound on workers in a row that end by themselves before they take a task: an initializer or a module that
 * exits.
 */
const mostFailures = 4;
/** The same bound for workers that a signal ended; after the first few, each start is delayed longer. */
const mostKills = 64;
const longestPause = 1000;
/** Delay in ms before an ended worker is judged again. */
const judgementPause = 50;
/** Up to this number of workers, the pool's constructor starts all of them: that takes some milliseconds. */
export const smallCrew = 4;
/** Upper bound in ms on starts of workers without a turn of the event loop; one start may take longer. */
const longestStarts = 4;

export class Crew {
  readonly #rows: Row[] = [];
  readonly #source: WorkerSource;
  readonly #owner: CrewOwner;
  readonly #least: number;
  readonly #idleTimeout: number;
  /** Rows without a worker that get one when there are more tasks than workers, the first one last. */
  readonly #vacant: number[] = [];
  /** Rows whose worker is to be started in the next turns, in this order. */
  #unstarted: number[] = [];
  #isStarting = false;
  #killTimer: NodeJS.Timeout | undefined;
  #replaces = true;
  #failures = 0;
  #kills = 0;
  #keepAlive = false;
  /** A worker was ended by a signal and could not release its objects. */
  #mustSweep = false;
  #closed = false;

  constructor({ most, least, idleTimeout }: CrewSize, source: WorkerSource, owner: CrewOwner) {
    this.#source = source;
    this.#owner = owner;
    this.#least = source.startsAtOnce ? most : least;
    this.#idleTimeout = idleTimeout;
    for (let row = 0; row < most; row++) {
      this.#rows.push({
        attention: new Event(),
        worker: undefined,
        ready: false,
        due: Infinity,
        timer: undefined,
        unwatch: () => {},
      });
    }
  }

  /**
   * Starts the first workers: some now, the others in the next turns of the event loop.
   *
   * @throws the error of the first starts: there is no worker then
   */
  start(): void {
    for (let row = this.#rows.length - 1; row >= this.#least; row--) this.#vacant.push(row);
    for (let row = 0; row < this.#least; row++) this.#unstarted.push(row);
    try {
      const startsAll = this.#source.startsAtOnce || this.#rows.length <= smallCrew;
      const count = startsAll ? this.#least : 1;
      for (const row of this.#unstarted.splice(0, count)) this.#start(row);
      this.#startLater();
    } catch (error) {
      this.#unstarted = [];
      this.#replaces = false;
      for (const { worker, unwatch } of this.#rows) {
        unwatch();
        worker?.kill();
      }
      this.#close();
      throw error;
    }
  }

  get kind(): WorkerSource['kind'] {
    return this.#source.kind;
  }

  worker(row: number): PoolWorker | undefined {
    return this.#rows[row]?.worker;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** Yields the rows with a worker. */
  *rows(): Iterable<number> {
    for (let row = 0; row < this.#rows.length; row++) if (this.#rows[row]?.worker !== undefined) yield row;
  }

  ready(row: number): void {
    this.#failures = 0;
    this.#kills = 0;
    (this.#rows[row] as Row).ready = true;
  }

  isReady(row: number): boolean {
    return this.#rows[row]?.ready === true;
  }

  /** How long the worker of the row stays without a task, in ms. */
  idleTimeout(row: number): number {
    return row < this.#least ? Infinity : this.#idleTimeout;
  }

  /** Has further workers started if there are more tasks than workers. */
  demand(tasks: number): void {
    if (this.#vacant.length === 0 || !this.#replaces) return;
    while (this.#vacant.length > 0 && this.#rows.length - this.#vacant.length < tasks) {
      this.#unstarted.push(this.#vacant.pop() as number);
    }
    this.#startLater();
  }

  /** Wakes the worker to read the board. */
  alert(row: number): void {
    if (!this.#closed) this.#rows[row]?.attention.set();
  }

  /** Stops replacing workers. */
  disband(): void {
    this.#replaces = false;
    this.#unstarted = [];
    for (let row = 0; row < this.#rows.length; row++) if (this.worker(row) === undefined) this.#forgetDue(row);
    this.#checkGone();
  }

  /** Terminates all workers; kills those that run after the grace. */
  terminate(grace: number): void {
    this.disband();
    for (const { worker } of this.#rows) worker?.terminate();
    if (this.#closed) return;
    this.#killTimer = setTimeout(() => this.kill(), grace);
    this.#killTimer.unref();
  }

  kill(): void {
    for (const { worker } of this.#rows) worker?.kill();
  }

  /** Keeps the program alive until the workers have ended. */
  hold(): void {
    if (this.#keepAlive) return;
    this.#keepAlive = true;
    for (let row = 0; row < this.#rows.length; row++) this.#watch(row);
  }

  /** Handles ended workers and starts those that are due, without the event loop. */
  poll(): void {
    this.#startSome();
    for (let row = 0; row < this.#rows.length; row++) {
      if ((this.#rows[row] as Row).due <= now()) this.#attend(row);
      else this.#look(row);
    }
  }

  /** Forgets the workers in the child of a fork: they are the parent's. */
  forget(): void {
    this.#replaces = false;
    this.#unstarted = [];
    for (const row of this.#rows) row.worker = undefined;
    this.#closed = true;
  }

  #start(row: number): void {
    const place = this.#rows[row] as Row;
    place.attention.clear();
    place.ready = false;
    const assignment = this.#owner.assignment(row, place.attention);
    try {
      place.worker = this.#source.start(assignment);
    } catch (error) {
      this.#owner.unstarted(row);
      throw error;
    }
    this.#watch(row);
    this.#owner.started(place.worker);
  }

  /** Starts workers in the next turns of the event loop: each start blocks the thread. */
  #startLater(): void {
    if (this.#isStarting || this.#unstarted.length === 0) return;
    this.#isStarting = true;
    // Unfinished tasks keep the program alive by themselves.
    setImmediate(() => {
      this.#isStarting = false;
      this.#startSome();
    }).unref();
  }

  #startSome(): void {
    const until = now() + longestStarts;
    while (this.#unstarted.length > 0 && now() < until) this.#tryStart(this.#unstarted.shift() as number);
    this.#startLater();
  }

  #watch(row: number): void {
    const place = this.#rows[row] as Row;
    place.unwatch();
    place.unwatch = place.worker?.onEnd(() => this.#look(row), this.#keepAlive) ?? (() => {});
  }

  #look(row: number): void {
    const place = this.#rows[row] as Row;
    const { worker } = place;
    const end = worker?.poll();
    if (worker === undefined || end === undefined) return;
    this.#forgetDue(row);
    place.unwatch();
    place.worker = undefined;
    const done = this.#owner.ended(row, worker, end);
    if (done === undefined) {
      place.worker = worker;
      this.#attendLater(row, judgementPause);
      return;
    }
    if (end.signal !== null) this.#mustSweep = true;
    if (!done && !place.ready) this.#count(worker, end);
    if (this.#replaces) {
      this.#sweep();
      if (row < this.#least || this.#isWanted()) this.#replace(row);
      else this.#vacant.push(row);
    }
    this.#checkGone();
  }

  /** Whether there are more tasks than workers, apart from the one that has ended. */
  #isWanted(): boolean {
    return this.#owner.unfinished() > this.#rows.length - this.#vacant.length - 1;
  }

  #count(worker: PoolWorker, end: WorkerEnd): void {
    if (end.signal === null) this.#failures++;
    else this.#kills++;
    if (this.#failures < mostFailures && this.#kills < mostKills) return;
    this.#owner.failed(
      new WorkerLostError(`The workers of the pool end before they take a task: ${describeEnd(worker, end)}`, {
        pid: worker.pid,
        ...end,
      }),
    );
  }

  #replace(row: number): void {
    const tries = this.#failures + Math.max(this.#kills - 4, 0);
    if (tries > 0) this.#attendLater(row, Math.min(2 ** tries, longestPause));
    else this.#tryStart(row);
  }

  #tryStart(row: number): void {
    try {
      attach();
      this.#start(row);
    } catch (error) {
      // Workers of another user could not attach the pool's memory: each would end at once.
      if (error instanceof MultiprocError && error.code === 'ERR_MULTIPROC_USER') {
        this.#owner.failed(error);
        return;
      }
      // Processes, memory or descriptors may be exhausted at this moment.
      getLogger().warning('a worker cannot be started: %s', (error as Error).message);
      this.#failures++;
      if (this.#failures >= mostFailures + 4) this.#owner.failed(error);
      else this.#attendLater(row, Math.min(2 ** (this.#failures + 4), longestPause));
    }
  }

  /** Attends to the row by a timer, or by {@link poll} while the event loop is blocked. */
  #attendLater(row: number, ms: number): void {
    this.#forgetDue(row);
    const place = this.#rows[row] as Row;
    place.due = now() + ms;
    place.timer = setTimeout(() => this.#attend(row), ms);
    // Unfinished tasks keep the program alive by themselves.
    place.timer.unref();
  }

  #attend(row: number): void {
    this.#forgetDue(row);
    if (this.worker(row) !== undefined) this.#look(row);
    else if (this.#replaces) this.#tryStart(row);
  }

  #forgetDue(row: number): void {
    const place = this.#rows[row] as Row;
    clearTimeout(place.timer);
    place.timer = undefined;
    place.due = Infinity;
  }

  #checkGone(): void {
    if (this.#replaces || this.#closed) return;
    for (const { worker } of this.#rows) if (worker !== undefined) return;
    this.#close();
    this.#owner.gone();
  }

  /** Sweeps after each loss while the pool is open, and once at its end. */
  #sweep(): void {
    if (!this.#mustSweep) return;
    this.#mustSweep = false;
    sweepQuietly();
  }

  #close(): void {
    this.#closed = true;
    this.#sweep();
    clearTimeout(this.#killTimer);
    for (let row = 0; row < this.#rows.length; row++) this.#forgetDue(row);
    for (const { attention } of this.#rows) attention.close();
  }
}

/** `ForkPoolWorker-1 (pid 12) was ended by SIGKILL`. */
export function describeEnd({ name, pid }: PoolWorker, { exitCode, signal }: WorkerEnd): string {
  return `${name} (pid ${pid}) ${signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`}`;
}
