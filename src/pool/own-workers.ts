/** The workers that a pool has started itself: the crew, its traffic and its output. */
import type { Readable } from 'node:stream';
import { now } from '../deadline.js';
import { WorkerLostError } from '../errors.js';
import { type Block, blockOf } from '../shared/block.js';
import { type Interrupt, Row, WorkerState } from './board.js';
import { Crew, type CrewSize, describeEnd } from './crew.js';
import type { Engine, EngineOwner } from './engine.js';
import type { PoolFunctions } from './functions.js';
import type { Histogram } from './histogram.js';
import { Initializers } from './initializers.js';
import type { PoolOptions } from './options.js';
import { Output } from './output.js';
import type { Payload } from './payload.js';
import type { PoolWorkerStats } from './stats.js';
import type { PoolTask } from './task.js';
import { textOf } from './thrown.js';
import { Traffic } from './traffic.js';
import type { PoolWorker, WorkerEnd, WorkerSource } from './worker-source.js';

export interface WorkersSetup {
  readonly size: CrewSize;
  readonly source: WorkerSource;
  /** How long a task that was interrupted may still run, in ms. */
  readonly grace: number;
  readonly initializer: object | undefined;
  readonly initargs: Iterable<unknown>;
  readonly options: Pick<PoolOptions, 'maxTasksPerChild' | 'signals' | 'stdio'>;
}

export class OwnWorkers implements Engine {
  readonly #crew: Crew;
  readonly #traffic: Traffic;
  readonly #output: Output;
  readonly #grace: number;
  /** The uncaught error that ends a worker, by row. */
  readonly #lastErrors = new Map<number, unknown>();
  #lost = 0;
  #isTerminated = false;
  #isGone = false;

  /** @throws the error of the first starts: there is no worker then */
  constructor({ size, source, grace, initializer, initargs, options }: WorkersSetup, owner: EngineOwner) {
    this.#output = new Output(options.stdio);
    this.#grace = grace;
    this.#traffic = new Traffic(size.most, grace, () => this.#crew.rows(), {
      ready: (row) => this.#crew.ready(row),
      unable: (_row, error) => owner.failed(error),
      dying: (row, error) => this.#lastErrors.set(row, error),
      alert: (row) => this.#crew.alert(row),
      overdue: (row) => this.#crew.worker(row)?.kill(),
      moved: () => owner.moved(),
      awaitsWorkers: () => this.#awaitsWorkers(),
      finished: (task, row, ok, waited, ran) =>
        owner.finished(task, row < 0 ? undefined : this.#crew.worker(row)?.pid, ok, waited, ran),
    });
    const initializers = new Initializers(initializer, initargs);
    this.#crew = new Crew(size, source, {
      assignment: (row, attention) => ({
        row,
        board: this.#traffic.boardWords,
        attention,
        tasks: this.#traffic.tasks,
        results: this.#traffic.results,
        functions: this.#traffic.functions.all(),
        initializer: initializers.give(row),
        maxTasks: options.maxTasksPerChild ?? 0,
        idleTimeout: this.#crew.idleTimeout(row),
        defaultSignals: options.signals === 'default',
      }),
      ended: (row, worker, end) => {
        initializers.settle(row, this.#traffic.board.get(row, Row.initialised) !== 0);
        const retired = this.#traffic.board.get(row, Row.state) === WorkerState.retired;
        const judged = this.#traffic.judge(row, () => workerLostBy(worker, end, this.#lastErrors.get(row)));
        if (!judged) return undefined;
        this.#lastErrors.delete(row);
        if (!retired && !this.#isTerminated) {
          this.#lost++;
          owner.lost({ pid: worker.pid, name: worker.name, ...end });
        }
        return retired;
      },
      unfinished: () => this.#traffic.unfinished,
      unstarted: (row) => initializers.settle(row, false),
      started: (worker) => {
        this.#output.add(worker);
        this.#traffic.attend();
        owner.crewChanged?.();
      },
      failed: (error) => owner.failed(error),
      gone: () => {
        this.#isGone = true;
        this.#traffic.dropUnread();
        this.#traffic.close();
        this.#output.end();
        owner.gone();
      },
    });
    try {
      this.#crew.start();
    } catch (error) {
      this.#isTerminated = true;
      this.#traffic.close();
      throw error;
    }
  }

  get size(): number {
    return this.#crew.size;
  }

  get functions(): PoolFunctions {
    return this.#traffic.functions;
  }

  get isRoomy(): boolean {
    return this.#traffic.isRoomy;
  }

  get unfinished(): number {
    return this.#traffic.unfinished;
  }

  get queued(): number {
    return this.#traffic.queued;
  }

  get completed(): number {
    return this.#traffic.completed;
  }

  get failed(): number {
    return this.#traffic.failed;
  }

  get lost(): number {
    return this.#lost;
  }

  get runTime(): Histogram {
    return this.#traffic.runTime;
  }

  get waitTime(): Histogram {
    return this.#traffic.waitTime;
  }

  get stdout(): Readable | null {
    return this.#output.stdout;
  }

  get stderr(): Readable | null {
    return this.#output.stderr;
  }

  /** The board of the workers in shared memory. */
  get board(): object {
    return this.#traffic.boardWords;
  }

  get block(): Block {
    return (this.#traffic.boardWords as unknown as { [blockOf](): Block })[blockOf]();
  }

  submit(task: PoolTask, payload: Payload): void {
    this.#traffic.submit(task, payload);
    this.#crew.demand(this.#traffic.unfinished);
  }

  /** @param force also ends the worker of a task that cannot be interrupted, after the grace */
  giveUp(task: PoolTask, why: Interrupt, reason: unknown, force = false): void {
    this.#traffic.giveUp(task, why, reason, force);
  }

  workers(): PoolWorkerStats[] {
    if (this.#isGone) return [];
    const states = ['starting', 'idle', 'busy', 'retired'] as const;
    const workers: PoolWorkerStats[] = [];
    for (const { row, pid, name } of this.crew()) {
      workers.push({ pid, name, state: states[this.#traffic.board.get(row, Row.state)] ?? 'starting' });
    }
    return workers;
  }

  /** Returns the living workers, by row of the board. */
  crew(): { row: number; pid: number; name: string }[] {
    const found: { row: number; pid: number; name: string }[] = [];
    for (const row of this.#crew.rows()) {
      const worker = this.#crew.worker(row);
      if (worker !== undefined) found.push({ row, pid: worker.pid, name: worker.name });
    }
    return found;
  }

  serveSync(deadline: number): void {
    // In short pieces: the death of a worker is not noticed meanwhile.
    this.#crew.poll();
    this.#traffic.serveSync(Math.min(deadline, now() + 20));
  }

  poll(): void {
    this.#crew.poll();
  }

  finish(): void {
    this.#traffic.end();
    this.#crew.disband();
  }

  terminate(reason: unknown): void {
    this.#isTerminated = true;
    this.#traffic.failAll(reason);
    this.#crew.terminate(this.#grace);
  }

  leave(): void {
    this.#isTerminated = true;
    this.#crew.terminate(this.#grace);
  }

  hold(): void {
    this.#crew.hold();
  }

  forget(): void {
    this.#isGone = true;
    this.#isTerminated = true;
    this.#crew.forget();
    this.#traffic.forget();
  }

  /** Whether outcomes are watched although no task is unfinished. */
  #awaitsWorkers(): boolean {
    if (this.#isTerminated) return false;
    for (const row of this.#crew.rows()) if (!this.#crew.isReady(row)) return true;
    return false;
  }
}

function workerLostBy(worker: PoolWorker, end: WorkerEnd, cause: unknown): WorkerLostError {
  const what = `${describeEnd(worker, end)} while it ran the task`;
  const details = { pid: worker.pid, ...end };
  if (cause === undefined) return new WorkerLostError(what, details);
  return new WorkerLostError(`${what}, of an error that was not caught: ${textOf(cause)}`, { ...details, cause });
}
