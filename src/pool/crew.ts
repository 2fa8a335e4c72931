/** The workers of a pool: as many as it was made with; who ends is replaced until the pool does not want that any more. */

import { now } from '../deadline.js';
import { MultiprocError, WorkerLostError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { getLogger } from '../logging.js';
import { sweepQuietly } from '../shared/sweep.js';
import { Event } from '../sync/event.js';
import { clearTimeout, setTimeout } from '../timing.js';
import type { Assignment } from './worker/assignment.js';
import type { PoolWorker, WorkerEnd, WorkerSource } from './worker-source.js';

/** What the crew needs of the pool. */
export interface CrewOwner {
  /** What the next worker in the row is given. */
  assignment(row: number, attention: Event): Assignment;
  /**
   * A worker has ended: before its row is given to another. Whether it had done all it was to do; `undefined` if that
   * cannot be told yet: this is called again.
   */
  ended(row: number, worker: PoolWorker, end: WorkerEnd): boolean | undefined;
  /** The worker that was given the row's assignment could not be started. */
  unstarted(row: number): void;
  /** A worker was started. */
  started(worker: PoolWorker): void;
  /** Workers cannot be had. */
  failed(error: unknown): void;
  /** Nobody is left, and nobody will come. */
  gone(): void;
}

interface Row {
  readonly attention: Event;
  worker: PoolWorker | undefined;
  /** It has said that it takes tasks. */
  ready: boolean;
  /** When something is to be done about the row, on the machine's monotonic clock in ms, and what sees to it. */
  due: number;
  timer: NodeJS.Timeout | undefined;
  unwatch: () => void;
}

/** So many workers in a row may end by themselves before they take a task: an initializer or a module that exits. */
const mostFailures = 4;
/** As many that a signal ended; after the first few each start waits longer. */
const mostKills = 64;
const longestPause = 1000;
/** So long, in ms, somebody who has ended is left as he is while that cannot be judged. */
const judgementPause = 50;

export class Crew {
  readonly #rows: Row[] = [];
  readonly #source: WorkerSource;
  readonly #owner: CrewOwner;
  #killTimer: NodeJS.Timeout | undefined;
  #replaces = true;
  #failures = 0;
  #kills = 0;
  #keepAlive = false;
  /** Somebody was ended by a signal, and could not let go of what he had made. */
  #mustSweep = false;
  #closed = false;

  constructor(size: number, source: WorkerSource, owner: CrewOwner) {
    this.#source = source;
    this.#owner = owner;
    for (let row = 0; row < size; row++) {
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

  /** @throws what starting the first ones throws: there is none then */
  start(): void {
    try {
      for (let row = 0; row < this.#rows.length; row++) this.#start(row);
    } catch (error) {
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

  /** Rows with a worker. */
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

  /** The worker has something on the board to look at. */
  alert(row: number): void {
    if (!this.#closed) this.#rows[row]?.attention.set();
  }

  /** From now on nobody is replaced. */
  disband(): void {
    this.#replaces = false;
    for (let row = 0; row < this.#rows.length; row++) if (this.worker(row) === undefined) this.#forgetDue(row);
    this.#checkGone();
  }

  /** Ends everybody, who does not end by himself within the grace. */
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

  /** Whether the end of the workers is waited for. */
  hold(): void {
    if (this.#keepAlive) return;
    this.#keepAlive = true;
    for (let row = 0; row < this.#rows.length; row++) this.#watch(row);
  }

  /** Looks for workers that have ended, and starts those that are due, without the event loop. */
  poll(): void {
    for (let row = 0; row < this.#rows.length; row++) {
      if ((this.#rows[row] as Row).due <= now()) this.#attend(row);
      else this.#look(row);
    }
  }

  /** In the child of a fork: they are the parent's. */
  forget(): void {
    this.#replaces = false;
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
      this.#replace(row);
    }
    this.#checkGone();
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
      // No process, memory or descriptor may be left at this moment.
      getLogger().warning('a worker cannot be started: %s', (error as Error).message);
      this.#failures++;
      if (this.#failures >= mostFailures + 4) this.#owner.failed(error);
      else this.#attendLater(row, Math.min(2 ** (this.#failures + 4), longestPause));
    }
  }

  /** By a timer, or by {@link poll} for those who block the event loop. */
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

  /** In a pool that goes on after each loss; at its end once for all. */
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
