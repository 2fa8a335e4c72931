/** Objects for the current process and its creator. */
import { availableParallelism } from 'node:os';
import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { onReadable, type ReadinessWait } from '../lifecycle/readiness.js';
import { FdEvents, native } from '../native.js';
import { awaitEnd } from './await-end.js';
import { isOwnClass } from './own-classes.js';
import { oneself, Process } from './process.js';
import { self } from './self.js';

class MainProcess extends Process {}
isOwnClass(MainProcess);

/**
 * Returns the object of this process: alive, with its name, pid and authkey. In a child of a subclass's object it is of
 * that class. Mirrors `multiprocessing.current_process`.
 */
export function currentProcess(): Process {
  self.object ??= oneself(MainProcess, undefined, []);
  return self.object as Process;
}

/**
 * Returns the process that created this one, also if a server started it; null in the main one. Mirrors
 * `multiprocessing.parent_process`.
 */
export function parentProcess(): ParentProcess | null {
  if (self.creator === undefined) return null;
  creator ??= new ParentProcess(self.creator);
  return creator;
}

let creator: ParentProcess | undefined;

/** The creator of this process, as seen from here: its end can be observed. */
export class ParentProcess {
  readonly #pid: number;
  readonly #name: string;
  readonly #sentinel: number;

  /** @internal */
  constructor({ pid, name, sentinel }: { pid: number; name: string; sentinel: number }) {
    this.#pid = pid;
    this.#name = name;
    this.#sentinel = sentinel;
  }

  /** The parent's pid, in the child's pid namespace. */
  get pid(): number {
    return this.#pid;
  }

  /** The same as {@link pid}; Python's name for it. */
  get ident(): number {
    return this.#pid;
  }

  /** The parent's name. */
  get name(): string {
    return this.#name;
  }

  /** Always null: only its own parent learns its exit code. */
  get exitCode(): null {
    return null;
  }

  /** A descriptor that becomes readable when it ends. Do not close it. */
  get sentinel(): number {
    return this.#sentinel;
  }

  /** Whether the parent has not ended yet. */
  isAlive(): boolean {
    return !this.#waitUntil(0);
  }

  /**
   * Waits for its end; see {@link Process.join}.
   *
   * @returns whether it has ended
   */
  async join(wait?: Wait): Promise<boolean> {
    return awaitEnd(
      { hasCome: () => !this.isAlive(), watch: (callback, reference) => this.#watch(callback, reference) },
      parseWait(wait),
    );
  }

  /** Blocks the thread until it has ended; see {@link join}. */
  joinSync(wait?: Wait): boolean {
    return this.#waitUntil(parseSyncWait(wait));
  }

  /** @internal */
  [inspect.custom](): string {
    return `<ParentProcess name=${inspect(this.#name)} pid=${this.#pid} ${this.isAlive() ? 'started' : 'stopped'}>`;
  }

  #watch(callback: () => void, reference: boolean): () => void {
    let watch: ReadinessWait;
    const observe = () => {
      // The descriptor may be reported ready without reason.
      watch = onReadable(this.#sentinel, () => (this.isAlive() ? observe() : callback()));
      watch.reference(reference);
    };
    observe();
    return () => watch.cancel();
  }

  #waitUntil(deadline: number): boolean {
    return native.fdPoll(Int32Array.of(this.#sentinel, FdEvents.readable, 0), deadline) === 1;
  }
}

/**
 * Returns the number of CPUs that this process may use, at least 1. Mirrors `multiprocessing.cpu_count`, which also
 * counts those that it may not use.
 */
export function cpuCount(): number {
  return availableParallelism();
}

/** Does nothing: frozen programs concern Windows alone. Mirrors `multiprocessing.freeze_support`. */
export function freezeSupport(): void {}
