/** The main loop of a pool's worker: takes tasks from the ring until the pool ends or its share is done. */
import '../../process/entry/classes.js';
import { forEver } from '../../deadline.js';
import { MaybeEncodingError, TimeoutError } from '../../errors.js';
import { Line, notYet, soon } from '../../messaging/line.js';
import { busy, ended, nothing, Put, type Ring } from '../../messaging/ring.js';
import { TargetKind } from '../../native.js';
import { whileLoading } from '../../process/loading.js';
import { serialize } from '../../serialize/codec.js';
import { Message, mostUnits, type Window } from '../../serialize/records.js';
import { noMemoryFor } from '../../shared/shortage.js';
import { nativeNotice } from '../../sync/wait-queue.js';
import { clearTimeout, setImmediate, setTimeout } from '../../timing.js';
import { Board, Interrupt, Row, WorkerState } from '../board.js';
import { clock } from '../clock.js';
import { PlainTask, RunningTask, setCurrentTask } from '../current-task.js';
import { OutcomeKind, OutcomeWriter } from '../outcome-record.js';
import {
  dropPayload,
  dropValues,
  finishValue,
  isWhole,
  noValues,
  Packing,
  type Payload,
  packValues,
  prepareValues,
  refers,
} from '../payload.js';
import { Application, readTask, type TakenTask } from '../task-record.js';
import { readableError, textOf } from '../thrown.js';
import type { Assignment } from './assignment.js';
import { applyToEach, isThenable } from './chunk.js';
import { Functions, load } from './functions.js';

/** Upper bound in ms on tasks in a row without a turn of the event loop. */
const longestRow = 10;

/**
 * Runs the tasks of a pool in this thread until the pool ends or the worker's share is done.
 *
 * @returns a promise that resolves when the worker is to end; the caller then ends the thread
 */
export async function serveTasks(assignment: Assignment): Promise<void> {
  const worker = new Worker(assignment);
  if (await worker.begin(assignment)) await worker.serve();
  worker.retire();
}

class Worker {
  readonly #row: number;
  readonly #board: Board;
  readonly #tasks: Ring;
  readonly #results: Ring;
  readonly #assignment: Assignment;
  readonly #functions: Functions;
  readonly #outcome = new OutcomeWriter();
  readonly #room: Line;
  #ordinal = 0;
  #taken: TakenTask | undefined;
  #running: RunningTask | undefined;
  #listening = false;

  constructor(assignment: Assignment) {
    this.#assignment = assignment;
    this.#row = assignment.row;
    this.#board = new Board(assignment.board);
    this.#tasks = assignment.tasks.ring;
    this.#results = assignment.results.ring;
    this.#room = new Line(this.#results.block, TargetKind.ringTaken, () => this.#results.taken);
    this.#functions = new Functions(assignment.functions);
    this.#outcome.row = this.#row;
    process.on('uncaughtExceptionMonitor', (error) => this.#sendLastError(error));
  }

  /** Runs the initializer; returns whether it succeeded. */
  async begin({ initializer }: Assignment): Promise<boolean> {
    try {
      if (initializer !== undefined) {
        const begun = () => this.#board.set(this.#row, Row.initialised, 1);
        const [fn, args] = (await load(initializer, begun)) as [(...args: unknown[]) => unknown, unknown[]];
        await fn(...args);
      }
    } catch (error) {
      await this.#send(OutcomeKind.unable, packError(error));
      return false;
    }
    setCurrentTask(nextTask());
    this.#board.set(this.#row, Row.state, WorkerState.idle);
    await this.#send(OutcomeKind.ready, noValues);
    return true;
  }

  async serve(): Promise<void> {
    const { maxTasks } = this.#assignment;
    let turn = clock();
    for (let done = 0; maxTasks === 0 || done < maxTasks; ) {
      const over = (this.#tasks.state & ended) !== 0;
      const task = this.#tasks.tryTakeRecord(this);
      if (task === nothing || task === busy) {
        if (over && task === nothing) return;
        if (!(await this.#idle())) return;
        turn = clock();
        continue;
      }
      const pending = this.#serve(task as TakenTask);
      if (pending !== undefined) {
        await pending;
        turn = clock();
      } else if (this.#outcome.began + this.#outcome.ran - turn > longestRow) {
        await new Promise(setImmediate);
        turn = clock();
      }
      done++;
    }
  }

  retire(): void {
    this.#board.set(this.#row, Row.state, WorkerState.retired);
  }

  /** Implements {@link RecordReader}. */
  read(window: Window, at: number, most: number): TakenTask {
    const task = readTask(window, at, most);
    this.#taken = task;
    return task;
  }

  /** Implements {@link RecordReader}. */
  claim(ordinal: number): void {
    this.#ordinal = ordinal;
    this.#board.claim(this.#row, ordinal, (this.#taken as TakenTask).place);
    this.#taken = undefined;
  }

  /** Runs one task; returns `undefined` if it is done. */
  #serve(task: TakenTask): Promise<void> | undefined {
    this.#outcome.place = task.place;
    this.#outcome.began = clock();
    if (this.#board.isCancelled(task.place)) {
      this.#drop(task);
      return this.#send(OutcomeKind.skipped, noValues);
    }
    this.#board.set(this.#row, Row.state, WorkerState.busy);
    if (task.failure !== undefined) return this.#finish(OutcomeKind.threw, packError(task.failure.error));
    const fn = this.#functions.known(task.fn);
    const list = Array.isArray(task.values) ? task.values : undefined;
    if (fn === undefined || task.interruptible || (list !== undefined && refers(list))) {
      return this.#serveSlowly(task);
    }
    let payload: Payload | PromiseLike<Payload>;
    try {
      if (list !== undefined) this.#receive(list);
      payload = apply(fn, task);
    } catch (error) {
      return this.#finish(OutcomeKind.threw, packError(error));
    }
    if (isThenable(payload)) return this.#finishLater(payload);
    return this.#finish(OutcomeKind.returned, payload);
  }

  /** Runs a task that needs a module loaded first, or can be interrupted. */
  async #serveSlowly(task: TakenTask): Promise<void> {
    const { values } = task;
    let fn: (...args: unknown[]) => unknown;
    try {
      fn = this.#functions.known(task.fn) ?? (await this.#functions.find(task.fn, task.text));
      if (Array.isArray(values)) await whileLoading(async () => prepareValues(values));
    } catch (error) {
      this.#drop(task);
      await this.#finish(OutcomeKind.threw, packError(error));
      return;
    }
    try {
      if (Array.isArray(values)) this.#receive(values);
      this.#outcome.began = clock();
      if (task.interruptible) await this.#beInterruptible();
      await this.#finishLater(apply(fn, task));
    } catch (error) {
      await this.#finish(OutcomeKind.threw, packError(error));
    }
  }

  async #finishLater(payload: Payload | PromiseLike<Payload>): Promise<void> {
    let packed: Payload;
    try {
      packed = await payload;
    } catch (error) {
      await this.#finish(OutcomeKind.threw, packError(error));
      return;
    }
    await this.#finish(OutcomeKind.returned, packed);
  }

  /** Decodes the values. If the worker dies from here on, the parent cannot tell what it has received. */
  #receive(values: unknown[]): void {
    if (!isWhole(values)) this.#board.set(this.#row, Row.received, this.#ordinal);
  }

  #drop({ values }: TakenTask): void {
    if (!Array.isArray(values)) return;
    this.#receive(values);
    dropValues(values);
  }

  #finish(kind: OutcomeKind, payload: Payload): Promise<void> | undefined {
    this.#running = undefined;
    setCurrentTask(nextTask());
    this.#outcome.ran = clock() - this.#outcome.began;
    return this.#send(kind, payload);
  }

  /** Puts an outcome. It waits for the parent only if results take all memory. */
  #send(kind: OutcomeKind, payload: Payload): Promise<void> | undefined {
    const outcome = this.#outcome;
    outcome.kind = kind;
    outcome.payload = payload;
    if (this.#results.tryPutRecord(outcome, outcome.units) !== Put.done) return this.#sendSlowly();
    outcome.reset();
    return undefined;
  }

  /** The running task need not be the cause: a rejection may come late. */
  #sendLastError(error: unknown): void {
    if (process.listenerCount('uncaughtException') > 0) return;
    const last = new OutcomeWriter();
    last.row = this.#row;
    last.kind = OutcomeKind.dying;
    last.payload = packError(error);
    // Without room for it, the exit code has to do.
    this.#results.tryPutRecord(last, last.units);
  }

  /** Waits until the parent has taken results, if that can make room; else sends an error that says why not. */
  async #sendSlowly(): Promise<void> {
    const outcome = this.#outcome;
    await this.#room.wait(this, forEver, () => {
      for (;;) {
        const { units } = outcome;
        const put = this.#results.tryPutRecord(outcome, units);
        if (put === Put.done) return true;
        if (put === Put.busy) return soon;
        if (put === Put.full || (put === Put.noRoom && this.#results.fits(units))) return notYet;
        const limit = put === Put.noMemory ? undefined : this.#results.capacity;
        dropPayload(outcome.payload);
        outcome.kind = OutcomeKind.threw;
        outcome.payload = packError(noMemoryFor('a result', units * 8, limit));
        // An outcome of this size waits for the parent.
        if (outcome.units >= units) return notYet;
      }
    });
    outcome.reset();
  }

  /** Waits until there may be a task to take; `false` if there was none for the idle time. */
  async #idle(): Promise<boolean> {
    const { idleTimeout } = this.#assignment;
    this.#board.set(this.#row, Row.state, WorkerState.idle);
    if (this.#tasks.lookForItems()) return true;
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const notice = nativeNotice(TargetKind.ringItems, this.#tasks.block, 0, 0, () => {
        clearTimeout(timer);
        resolve(true);
      });
      notice.reference(true);
      if (idleTimeout === Infinity) return;
      timer = setTimeout(() => {
        notice.cancel();
        // A task may have come in this turn.
        resolve(this.#tasks.lookForItems());
      }, idleTimeout);
    });
  }

  /** Makes the task's signal fire when the parent interrupts it, and reports the task's start to the parent. */
  async #beInterruptible(): Promise<void> {
    const ordinal = this.#ordinal;
    this.#running = new RunningTask(ordinal, () => this.#interruption(ordinal));
    setCurrentTask(this.#running);
    if (!this.#listening) {
      this.#listening = true;
      void this.#listen();
    }
    await this.#send(OutcomeKind.began, noValues);
  }

  async #listen(): Promise<void> {
    const { attention } = this.#assignment;
    for (;;) {
      // Referenced: a task may wait for its signal alone.
      await attention.wait();
      attention.clear();
      this.#running?.look();
    }
  }

  #interruption(ordinal: number): unknown {
    const why = this.#board.get(this.#row, Row.interrupt);
    if (why === Interrupt.none || this.#board.get(this.#row, Row.interrupted) !== ordinal) return undefined;
    if (why === Interrupt.late) return new TimeoutError('The task has taken longer than it may');
    return new DOMException('The task is not wanted any more', 'AbortError');
  }
}

let plainTask = new PlainTask();

/** Returns the object of the next task that cannot be interrupted. */
function nextTask(): PlainTask {
  if (plainTask.isUsed) plainTask = new PlainTask();
  return plainTask;
}

function apply(fn: (...args: unknown[]) => unknown, task: TakenTask): Payload | PromiseLike<Payload> {
  const { values, application } = task;
  if (application !== Application.call) {
    const items = task.packing === Packing.list ? (finishValue((values as unknown[])[0]) as unknown[]) : values;
    return applyToEach(fn, items, application === Application.spread);
  }
  const value = fn(...argumentsOf(task));
  return isThenable(value) ? value.then(packResult) : packResult(value);
}

function argumentsOf({ packing, values }: TakenTask): unknown[] {
  const list = values as unknown[];
  if (packing === Packing.list) return finishValue(list[0]) as unknown[];
  for (let i = 0; i < list.length; i++) list[i] = finishValue(list[i]);
  return list;
}

function packResult(value: unknown): Payload {
  try {
    return packValues([value], 'result');
  } catch (cause) {
    throw new MaybeEncodingError(textOf(cause), textOf(value), { cause });
  }
}

/** Packs a thrown value; one that cannot travel becomes a readable error. */
function packError(error: unknown): Payload {
  let bytes: Buffer;
  try {
    bytes = serialize(error, 'the error');
  } catch {
    bytes = serialize(readableError(error));
  }
  const message = new Message(bytes);
  return { packing: Packing.values, values: [message], from: 0, to: 1, units: mostUnits(message) };
}
