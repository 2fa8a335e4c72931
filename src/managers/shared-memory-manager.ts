/** SharedMemoryManager: raw memory and lists that vanish together, at the latest with the process that manages them. */

import { inspect } from 'node:util';
import { ProcessError, SystemError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { attach } from '../lifecycle/participant.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { getLogger } from '../logging.js';
import { native, type SegmentId } from '../native.js';
import { kind } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { managedName, sentinelFile, unlinkManaged } from '../shared/managed-memory.js';
import { SharedMemory } from '../shared/memory.js';
import { anonymousFile, underFreshName } from '../shared/names.js';
import { type Shareable, ShareableList } from '../shared/shareable-list.js';
import { statOwn } from '../shared/shm-folder.js';
import { sweepNowAndThen } from '../shared/sweep.js';

/** Options of {@link SharedMemoryManager}. */
export interface SharedMemoryManagerOptions {
  /** Of a running manager, for {@link SharedMemoryManager.connect}. */
  address?: string | undefined;
}

const addressPattern = /^[0-9a-f]{16}$/;

const managerOptions = new OptionTable<SharedMemoryManagerOptions>({
  address: kind('the address of a manager', (value) => typeof value === 'string' && addressPattern.test(value)),
});

/**
 * Makes raw memory and lists that vanish when it is shut down; mirrors `multiprocessing.managers.SharedMemoryManager`.
 *
 * They also vanish when its process ends in whatever way: after a SIGKILL, the next program of this user that makes shared
 * memory, or calls `sweep()`, removes them. Whoever has them open goes on using them until it closes them.
 *
 * Unlike Python's there is no server process: the names tell what belongs to the manager, and the kernel whether it lives.
 * So making memory costs no message, and no signal can end a server.
 */
export class SharedMemoryManager {
  #state: 'initial' | 'started' | 'connected' | 'shut down' = 'initial';
  #token: string | undefined;
  /** Names of what was made here and may still be there: where /dev/shm cannot be listed they cannot be found otherwise. */
  readonly #made = new Set<string>();
  #madeLimit = 1000;
  /** Only in the process, and the thread, that started it. */
  #sentinel: SegmentId | undefined;

  /** @throws TypeError for an address that is no manager's */
  constructor(options?: SharedMemoryManagerOptions) {
    refuseClones(this);
    managerOptions.check(options, 'SharedMemoryManager');
    this.#token = options?.address;
  }

  /** By which others {@link connect}; `undefined` before the start. */
  get address(): string | undefined {
    return this.#token;
  }

  /**
   * Starts the manager, which lives in this thread.
   *
   * @throws ProcessError if it was started, connected or shut down already; ValueError for one with an address
   */
  async start(): Promise<void> {
    this.#checkInitial();
    if (this.#token !== undefined) throw new ValueError('A manager with an address is connected, not started');
    attach();
    sweepNowAndThen();
    const sentinel = native.memoryCreate(1, anonymousFile());
    try {
      this.#token = underFreshName(
        () => randomBytes(8).toString('hex'),
        (token) => (native.segmentPublish(sentinel, sentinelFile(token)) ? token : undefined),
      );
    } catch (error) {
      native.segmentRelease(sentinel);
      throw error;
    }
    this.#sentinel = sentinel;
    this.#state = 'started';
    keep(this);
  }

  /**
   * Connects to the manager with the address, in whatever process of this user: what is made from now on belongs to it.
   *
   * @throws ValueError without an address
   * @throws ProcessError if it was started, connected or shut down already
   * @throws SystemError `ENOENT` if that manager has ended
   */
  async connect(): Promise<void> {
    this.#checkInitial();
    if (this.#token === undefined) throw new ValueError('Expected the address of a manager to connect to');
    attach();
    if (!isAlive(this.#token)) throw managerGone(this.#token);
    this.#state = 'connected';
  }

  /**
   * Makes raw memory, all zero, which belongs to the manager.
   *
   * @param size in bytes, at least 1
   * @throws ValueError before the start, after the shutdown, or for a size below 1
   * @throws SystemError `ENOENT` if the manager has ended; `ENOSPC` when /dev/shm is full
   */
  SharedMemory(size: number): SharedMemory {
    return this.#make((name) => SharedMemory.create({ name, size }));
  }

  /**
   * Makes a list of the values, which belongs to the manager.
   *
   * @throws ValueError before the start or after the shutdown
   * @throws TypeError for values that a list cannot hold
   * @throws SystemError `ENOENT` if the manager has ended; `ENOSPC` when /dev/shm is full
   */
  ShareableList(iterable?: Iterable<Shareable>): ShareableList {
    // A name that is taken is drawn again, and an iterator gives its values only once.
    const values = typeof iterable?.[Symbol.iterator] === 'function' ? [...iterable] : (iterable ?? []);
    return this.#make((name) => new ShareableList(values, { name }));
  }

  /**
   * Removes all memory and lists that were made through it, here or by who connected. Those who have them open go on using
   * them; opening them fails with `ENOENT` from now on. Idempotent.
   *
   * @throws ValueError before the start, or for a manager that is only connected
   */
  async shutdown(): Promise<void> {
    if (this.#state === 'initial' || this.#state === 'connected') {
      throw new ValueError('Only the manager that was started can be shut down');
    }
    this.#end();
  }

  /** As {@link shutdown}; a manager that is only connected, or was never started, has nothing to remove. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  /** @internal At the end of the process. */
  static end(manager: SharedMemoryManager): void {
    manager.#end();
  }

  /** @internal In a forked child, which must not keep the manager alive, and is none itself. */
  static forget(manager: SharedMemoryManager): void {
    if (manager.#sentinel !== undefined) native.segmentRelease(manager.#sentinel);
    manager.#sentinel = undefined;
    manager.#state = 'connected';
  }

  /** `<SharedMemoryManager address='…' started>`. */
  [inspect.custom](): string {
    const address = this.#token === undefined ? '' : ` address=${inspect(this.#token)}`;
    return `<${this.constructor.name}${address} ${this.#state}>`;
  }

  #end(): void {
    this.#state = 'shut down';
    const token = this.#token;
    if (this.#sentinel === undefined || token === undefined) return;
    // First nobody can make any more, as they look for the sentinel afterwards; then nothing is missed.
    native.segmentRelease(this.#sentinel);
    native.sweepFile(sentinelFile(token));
    this.#sentinel = undefined;
    running.delete(this);
    unlinkManaged(token, this.#made);
    this.#made.clear();
  }

  #make<T extends { close(): void; unlink(): void }>(create: (name: string) => T): T {
    if (this.#state === 'initial') throw new ValueError('The manager has not been started: call start() or connect()');
    if (this.#state === 'shut down') throw new ValueError('The manager has been shut down');
    const token = this.#token as string;
    const made = underFreshName(
      () => managedName(token),
      (name) => {
        const created = unlessTaken(() => create(name));
        if (created !== undefined) this.#remember(name);
        return created;
      },
    );
    if (this.#sentinel === undefined && !isAlive(token)) {
      try {
        made.unlink();
      } catch (error) {
        // Whoever swept after the manager's end was quicker.
        if (!(error instanceof SystemError && error.code === 'ENOENT')) throw error;
      }
      made.close();
      throw managerGone(token);
    }
    return made;
  }

  #remember(name: string): void {
    if (this.#sentinel === undefined) return;
    this.#made.add(name);
    if (this.#made.size < this.#madeLimit) return;
    for (const each of this.#made) if (statOwn(each) === undefined) this.#made.delete(each);
    this.#madeLimit = Math.max(1000, this.#made.size * 2);
  }

  #checkInitial(): void {
    if (this.#state !== 'initial') throw new ProcessError(`Expected a new manager, but this one is ${this.#state}`);
  }
}
isNoData(SharedMemoryManager);

const running = new Set<SharedMemoryManager>();
let prepared = false;

function keep(manager: SharedMemoryManager): void {
  running.add(manager);
  if (prepared) return;
  prepared = true;
  process.on('exit', () => {
    for (const each of running) endQuietly(each);
  });
  afterForkInChild(() => {
    for (const each of running) SharedMemoryManager.forget(each);
    running.clear();
  });
}

// The program is ending, and cannot handle an error any more. What is left the next sweep removes.
function endQuietly(manager: SharedMemoryManager): void {
  try {
    SharedMemoryManager.end(manager);
  } catch (error) {
    getLogger().warning('the memory of a SharedMemoryManager cannot be removed: %s', (error as Error).message);
  }
}

/** `undefined` if the name is taken. */
function unlessTaken<T>(create: () => T): T | undefined {
  try {
    return create();
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EEXIST') return undefined;
    throw error;
  }
}

function isAlive(token: string): boolean {
  return native.sweepFile(sentinelFile(token)) === 'in-use';
}

function managerGone(token: string): SystemError {
  return new SystemError(`ENOENT: the manager with the address ${token} has ended`, {
    code: 'ENOENT',
    errno: 2,
    syscall: 'connect',
    path: token,
  });
}
