/** Process: work that runs in a process of its own, as in Python's class of this name. */

import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { ProcessError, ValueError } from '../errors.js';
import { guardName, isNoData, refuseClones } from '../identity/uncloneable.js';
import { native } from '../native.js';
import { boolean, text, unexpected } from '../options/kinds.js';
import { argumentList } from './arguments.js';
import { awaitEnd } from './await-end.js';
import type { Child } from './child.js';
import { runsEntry } from './child-mark.js';
import { reapEnded, track } from './children.js';
import { describeExitCode, signalNameOf } from './exit-status.js';
import type { Launcher, StartMethod } from './launchers/launcher.js';
import { isLoading, whileLoading } from './loading.js';
import { launchedBy, type OwnProcessOptions, type ProcessOptions, processOptions } from './options.js';
import { isOwnClass, subclassOf } from './own-classes.js';
import { resultOf } from './result.js';
import { self } from './self.js';
import { factsOf, launch, launcherFor, type Started, type StartOptions } from './start.js';
import { getStartMethod, methodOfContext, settledStartMethod } from './start-method.js';
import { checkStdio } from './stdio.js';
import { checkTarget, findTarget, type Target } from './target.js';

const { SIGINT, SIGKILL, SIGTERM } = constants.signals;

/** Properties of an object that stands for the process it is in. */
class Oneself {
  readonly target: Target | undefined;
  readonly args: readonly unknown[];

  constructor(target: Target | undefined, args: readonly unknown[]) {
    this.target = target;
    this.args = args;
  }
}

/**
 * A process that runs a function, or the `run` of a subclass. Mirrors `multiprocessing.Process`.
 *
 * A subclass's own fields travel to the child; they have to be public ones, since private ones cannot be read from
 * outside. Processes share nothing else: changes in the child stay there.
 */
export class Process {
  #name: string;
  #daemon: boolean;
  #authkey: Buffer | undefined;
  #target: Target | undefined;
  #args: readonly unknown[];
  readonly #options: StartOptions;
  readonly #method: StartMethod | undefined;
  readonly #launcher: Launcher | undefined;
  readonly #identity: readonly number[];
  /** Pid of the process that made this object. */
  readonly #creatorPid: number | null;
  #isSelf: boolean;
  #child: Child | undefined;
  #streams: Started['streams'] = [];
  #closed = false;
  #exited: Promise<number> | undefined;
  #result: Promise<unknown> | undefined;
  #begun: (() => void)[] = [];

  /**
   * @throws TypeError for options of the wrong type
   * @throws ValueError for a `group`, and for a start method that this program does not have
   */
  constructor(options: ProcessOptions = {}) {
    refuseClones(this);
    if ((options as unknown) instanceof Oneself) {
      const { target, args } = options as Oneself;
      this.#name = self.name;
      this.#daemon = self.daemon;
      this.#identity = self.identity;
      this.#creatorPid = self.creator?.pid ?? null;
      this.#isSelf = true;
      this.#target = target;
      this.#args = args;
      this.#options = { stdio: [] };
      return;
    }
    processOptions.check(options, 'Process');
    const { target, args = [], name, daemon, context, execArgv, env, stdio, resourceLimits } = options;
    this.#isSelf = false;
    this.#identity = [...self.identity, ++self.constructed];
    this.#creatorPid = native.currentPid();
    this.#name = name || `${new.target.name}-${this.#identity.join(':')}`;
    this.#daemon = daemon ?? self.daemon;
    this.#target = checkTarget(target);
    this.#args = [...argumentList(args, 'args')];
    this.#options = {
      execArgv: execArgv && [...execArgv],
      env: env && { ...env },
      stdio: checkStdio(stdio),
      resourceLimits: resourceLimits && { ...resourceLimits },
    };
    this.#launcher = (options as OwnProcessOptions)[launchedBy];
    this.#method = methodOfContext(context);
  }

  /**
   * Starts the child and returns once it exists: `pid` is set. The target, the arguments, the working directory and the
   * environment are read now.
   *
   * @throws ValueError if it was started before, by another process, or by a daemon
   * @throws ProcessError while the modules of a child are loaded: a main module without a guard would start itself
   *   again; and if the executable that runs children is not a node
   * @throws TypeError for a value that cannot travel, naming its path (`args[0].callback`) and the cure; there is no
   *   child then
   * @throws SystemError `EAGAIN`, `ENOMEM`, `EMFILE`; `ENOENT` if the working directory is gone
   */
  start(): void {
    this.#checkOpen();
    if (this.#child !== undefined || this.#isSelf) throw new ValueError('cannot start a process twice');
    if (this.#creatorPid !== native.currentPid()) {
      throw new ValueError('can only start a process object created by current process');
    }
    if (isLoading()) throw unguarded();
    // A child of a daemonic thread ends with the program, as the thread does.
    if (self.daemon && self.thread === undefined) {
      throw new ValueError('daemonic processes are not allowed to have children');
    }
    reapEnded();
    // A launcher of its own uses no start method: the program's method stays open.
    const method = this.#method ?? (this.#launcher === undefined ? getStartMethod() : settledStartMethod());
    const facts = factsOf({
      name: this.#name,
      identity: this.#identity,
      daemon: this.#daemon,
      authkey: this.authkey,
      method,
    });
    const subclass = subclassOf(this);
    const fields: Record<string, unknown> = subclass === undefined ? {} : { ...(this as object) };
    delete fields[guardName];
    const work = { target: this.#target, args: this.#args, subclass, fields };
    const launcher = this.#launcher ?? launcherFor(method as StartMethod);
    const { child, streams } = launch(launcher, facts, work, this.#options, () => {
      this.#isSelf = true;
      this.#child = undefined;
      self.object = this;
      return this.#runInherited();
    });
    this.#child = child;
    this.#streams = streams;
    // They have arrived: as in CPython, this object keeps nothing that only the child needs.
    this.#target = undefined;
    this.#args = [];
    track(this, child, this.#launcher);
    for (const begun of this.#begun.splice(0)) begun();
  }

  /**
   * Runs the work in the child: calls the target with its arguments. A subclass overrides it. A direct call runs here,
   * and makes no child.
   */
  run(): unknown {
    const target = this.#target;
    if (target === undefined) return undefined;
    if (typeof target === 'function') return target(...(this.#args as never[]));
    return findTarget(target).then((found) => found(...(this.#args as never[])));
  }

  /**
   * Waits for the end of the child. A pending wait keeps the program alive, unless `{ ref: false }` is given.
   *
   * @param wait - milliseconds, or `{ timeout, signal, ref }`; absent: no limit
   * @returns whether it has ended
   * @throws ValueError if it was not started, or not by this process
   * @throws the signal's `reason` once it fired
   */
  async join(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    const child = this.#joinable();
    return awaitEnd(
      { hasCome: () => child.poll() !== null, watch: (callback, reference) => child.onEnd(callback, reference) },
      parsed,
    );
  }

  /**
   * Blocks the thread until the child has ended; see {@link join}.
   *
   * @param wait - milliseconds; absent: no limit
   */
  joinSync(wait?: Wait): boolean {
    const deadline = parseSyncWait(wait);
    const child = this.#joinable();
    return child.waitSync(deadline) !== null;
  }

  /** Whether it was started and has not ended. */
  isAlive(): boolean {
    this.#checkOpen();
    if (this.#isSelf) return true;
    if (this.#creatorPid !== native.currentPid()) throw new ValueError('can only test a child process');
    return this.#child !== undefined && this.#child.poll() === null;
  }

  /** Sends SIGTERM. Does nothing after the end of the child. */
  terminate(): void {
    this.#signal(SIGTERM);
  }

  /** Sends SIGKILL, which cannot be ignored. */
  kill(): void {
    this.#signal(SIGKILL);
  }

  /** Sends SIGINT. */
  interrupt(): void {
    this.#signal(SIGINT);
  }

  /**
   * Releases a child that has ended, at once instead of when this object is collected. Idempotent.
   *
   * @throws ValueError while it runs
   */
  close(): void {
    if (this.#closed) return;
    if (this.#child !== undefined) {
      if (this.#child.poll() === null) {
        throw new ValueError('Cannot close a process while it is still running. Call join() or terminate() first.');
      }
      this.#child.close();
    }
    this.#closed = true;
  }

  /** The process id; null before the start. */
  get pid(): number | null {
    this.#checkOpen();
    return this.#isSelf ? native.currentPid() : (this.#child?.pid ?? null);
  }

  /** The same as {@link pid}, as in Python; of a thread its `threadId`. */
  get ident(): number | null {
    this.#checkOpen();
    if (this.#isSelf) return self.thread ?? native.currentPid();
    return this.#child?.ident ?? null;
  }

  /** For people; need not be unique. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    text.check(name, 'name');
    this.#name = name;
    if (this.#isSelf) self.name = name;
  }

  /** Whether it ends with its creator. */
  get daemon(): boolean {
    return this.#daemon;
  }

  set daemon(daemon: boolean) {
    if (this.#child !== undefined || this.#isSelf) throw new ValueError('process has already started');
    boolean.check(daemon, 'daemon');
    this.#daemon = daemon;
  }

  /**
   * The exit code, or −signal if a signal ended it; null while it runs and before. In a forked child of its creator,
   * which cannot learn it, the value at the fork.
   */
  get exitCode(): number | null {
    this.#checkOpen();
    return this.#child?.poll() ?? null;
  }

  /** The name of the signal that ended it, such as `'SIGKILL'`; otherwise null. */
  get signalCode(): NodeJS.Signals | null {
    return signalNameOf(this.exitCode);
  }

  /**
   * A descriptor that becomes readable when the process ends, for `wait([…])`. This object owns it: do not close it.
   *
   * @throws ValueError before the start, and in a forked child of its creator
   */
  get sentinel(): number {
    this.#checkOpen();
    if (this.#child === undefined) throw new ValueError('process not started');
    if (this.#creatorPid !== native.currentPid()) throw new ValueError('can only watch a child process');
    return this.#child.sentinel;
  }

  /** The child's stdin, if that is `'pipe'`; otherwise null, and before the start. */
  get stdin(): Writable | null {
    return this.#streams[0] ?? null;
  }

  /** The child's stdout, if that is `'pipe'`; otherwise null. Read it: a full pipe blocks the child. */
  get stdout(): Readable | null {
    return this.#streams[1] ?? null;
  }

  /** The child's stderr, like {@link stdout}. */
  get stderr(): Readable | null {
    return this.#streams[2] ?? null;
  }

  /** The key of this process for `Listener`, `Client` and managers; at first its creator's. */
  get authkey(): Buffer {
    return this.#isSelf ? self.authkey : (this.#authkey ?? self.authkey);
  }

  set authkey(key: Uint8Array | string) {
    if (typeof key !== 'string' && !(key instanceof Uint8Array)) throw unexpected('authkey', 'bytes or a string', key);
    if (key.length === 0)
      throw new ValueError('Expected "authkey" to be a secret, got an empty one: every peer would know it');
    const bytes = Buffer.from(key as Uint8Array);
    if (this.#isSelf) self.authkey = bytes;
    else this.#authkey = bytes;
  }

  /**
   * A promise of the exit code, as in {@link exitCode}. Read before the start, it waits for that, too. Once it was
   * read, the child keeps the program alive. In a forked child of its creator it rejects with a ValueError.
   */
  get exited(): Promise<number> {
    this.#exited ??= this.#startedHere().then(
      (child) => new Promise((resolve) => child.onEnd(() => resolve(child.poll() as number), true)),
    );
    return this.#exited;
  }

  /**
   * A promise of the value that the target (or `run`) returned. It rejects with the error that it threw, with a
   * TypeError if the value cannot travel, and with a ProcessError if the child ended before. It may be left alone.
   */
  get result(): Promise<unknown> {
    if (this.#result === undefined) {
      this.#result = this.#startedHere().then((child) => resultOf(child, this.#name));
      this.#result.catch(() => {});
    }
    return this.#result;
  }

  /** Terminates the process, unless it has ended, and joins it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    if (this.#child !== undefined) {
      this.terminate();
      await this.join();
    }
    this.close();
  }

  /** `<Process name='Process-1' pid=12 parent=11 stopped exitcode=-SIGKILL daemon>`, as in Python. */
  [inspect.custom](): string {
    const parts = [`${this.constructor.name} name=${inspect(this.#name)}`];
    const exitCode = this.#closed ? null : (this.#child?.poll() ?? null);
    if (this.#child !== undefined) parts.push(`pid=${this.#child.pid}`);
    parts.push(`parent=${this.#creatorPid ?? 'null'}`, this.#status(exitCode));
    if (exitCode !== null) parts.push(`exitcode=${describeExitCode(exitCode)}`);
    if (this.#daemon) parts.push('daemon');
    return `<${parts.join(' ')}>`;
  }

  // The module of a target may have to be loaded, or loaded again.
  async #runInherited(): Promise<unknown> {
    const target = this.#target;
    if (typeof target === 'object') await whileLoading(() => findTarget(target));
    return this.run();
  }

  #status(exitCode: number | null): string {
    if (this.#isSelf) return 'started';
    if (this.#closed) return 'closed';
    if (this.#creatorPid !== native.currentPid()) return 'unknown';
    if (this.#child === undefined) return 'initial';
    return exitCode === null ? 'started' : 'stopped';
  }

  async #startedHere(): Promise<Child> {
    if (this.#child !== undefined && this.#creatorPid !== native.currentPid()) {
      throw new ValueError('can only wait for a child process');
    }
    return this.#started();
  }

  #started(): Promise<Child> {
    if (this.#child !== undefined) return Promise.resolve(this.#child);
    return new Promise((resolve) => this.#begun.push(() => resolve(this.#child as Child)));
  }

  #joinable(): Child {
    this.#checkOpen();
    if (this.#isSelf || this.#creatorPid !== native.currentPid()) throw new ValueError('can only join a child process');
    if (this.#child === undefined) throw new ValueError('can only join a started process');
    return this.#child;
  }

  #signal(number: number): void {
    this.#checkOpen();
    if (this.#isSelf || this.#creatorPid !== native.currentPid()) {
      throw new ValueError('can only signal a child process');
    }
    if (this.#child === undefined) throw new ValueError('can only signal a started process');
    this.#child.signal(number);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ValueError('process object is closed');
  }
}
isNoData(Process);

isOwnClass(Process);

/** Returns the object of this process, of the subclass that it was started as, with its fields. */
export function oneself(subclass: typeof Process, target: Target | undefined, args: readonly unknown[]): Process {
  return Reflect.construct(Process, [new Oneself(target, args)], subclass);
}

function unguarded(): ProcessError {
  const guard = "guard that with `if (isMainProcess) { … }`, imported from 'multiproc'";
  const message = runsEntry
    ? 'A process cannot be started while the modules of a child are being loaded. The main module, or one that is ' +
      `preloaded, starts processes when it is loaded, and the child loads it again: ${guard}`
    : `This process was started as a child, but ${process.execPath} runs the program itself instead of what it is given. ` +
      'Name a node for children with setExecutable(path)';
  return new ProcessError(message, { code: 'ERR_MULTIPROC_UNGUARDED' });
}
