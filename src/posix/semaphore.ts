/** Named POSIX semaphores, shared with every program that opens the name. */

import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { ClosedError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { native, type PosixSemaphoreHandle } from '../native.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { fileMode, integerBetween } from './integer.js';
import { systemName } from './name.js';
import { type Cancel, startWait } from './semaphore-waits.js';

// The C library stores them as files with 'sem.' before the name.
const longestName = 251;
const mostPermits = 0x7fffffff;

/** Options of {@link semOpen}. */
export interface SemOptions {
  /** Make the semaphore if it does not exist. Default `false`. */
  create?: boolean | undefined;
  /** With `create`: fail with `EEXIST` if there is one. Default `false`. */
  exclusive?: boolean | undefined;
  /** Permissions of a new semaphore; the umask applies. Default `0o600`. */
  mode?: number | undefined;
  /** Permits of a new semaphore. Default 1. */
  value?: number | undefined;
}

const semOptions = new OptionTable<SemOptions>({
  create: boolean,
  exclusive: boolean,
  mode: fileMode,
  value: integerBetween(0, mostPermits),
});

/**
 * A semaphore that {@link semOpen} opened.
 *
 * POSIX semaphores have no owner: any process may post, and the permits of a process that dies are lost. For one that
 * recovers use `Semaphore` with `{ robust: true }`.
 */
export class PosixSemaphore {
  /** The name as it was given. */
  readonly name: string;
  readonly #handle: PosixSemaphoreHandle;
  readonly #pending = new Set<Cancel>();
  #closed = false;

  /** @internal */
  constructor(name: string, handle: PosixSemaphoreHandle) {
    refuseClones(this);
    this.name = name;
    this.#handle = handle;
  }

  /**
   * Takes a permit, and waits for one without blocking the event loop. A pending wait keeps the program alive unless `{
   * ref: false }` is given. Mirrors `sem_wait` and `sem_timedwait`.
   *
   * @param timeout - milliseconds, or `{ timeout, signal, ref }`; absent: no limit
   * @returns true, or false when the time is over
   * @throws the signal's `reason` once it fired; no permit is taken then
   * @throws ClosedError if the semaphore is closed, also meanwhile
   * @throws TypeError or RangeError for a wrong `timeout`
   */
  async wait(timeout?: Wait): Promise<boolean> {
    const { deadline, signal, ref } = parseWait(timeout);
    this.#checkOpen();
    signal?.throwIfAborted();
    // Nobody of this object's earlier waits is overtaken.
    if (this.#pending.size === 0 && native.posixSemaphoreTry(this.#handle)) return true;
    if (deadline === 0) return false;
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#pending.delete(cancel);
        signal?.removeEventListener('abort', abort);
      };
      const cancel = startWait(this.#handle, deadline, ref, {
        settled: (won) => {
          end();
          resolve(won);
        },
        cancelled: (reason) => {
          end();
          reject(reason);
        },
      });
      const abort = () => cancel(signal?.reason);
      this.#pending.add(cancel);
      signal?.addEventListener('abort', abort);
    });
  }

  /**
   * Takes a permit, and blocks the thread until there is one. No signal handler of JavaScript runs meanwhile.
   *
   * @param timeout - milliseconds; absent: no limit
   * @returns true, or false when the time is over
   */
  waitSync(timeout?: Wait): boolean {
    const deadline = parseSyncWait(timeout);
    this.#checkOpen();
    return native.posixSemaphoreWaitSync(this.#handle, deadline);
  }

  /** Takes a permit if there is one, and says whether it did. Mirrors `sem_trywait`. */
  tryWait(): boolean {
    this.#checkOpen();
    return native.posixSemaphoreTry(this.#handle);
  }

  /**
   * Adds a permit, also if another process took it. Mirrors `sem_post`.
   *
   * @throws SystemError `EOVERFLOW` above 2,147,483,647 permits
   */
  post(): void {
    this.#checkOpen();
    native.posixSemaphorePost(this.#handle);
  }

  /** Returns the number of permits at this moment; never negative. Mirrors `sem_getvalue`. */
  getValue(): number {
    this.#checkOpen();
    return native.posixSemaphoreValue(this.#handle);
  }

  /** Lets go in this process; pending waits reject with {@link ClosedError}. Permits stay as they are. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of [...this.#pending]) cancel(this.#closedError());
    native.posixSemaphoreClose(this.#handle);
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): ClosedError {
    return new ClosedError(`The semaphore '${this.name}' is closed`);
  }
}
isNoData(PosixSemaphore);

/**
 * Opens the POSIX semaphore `name`, or makes it: the very same that `sem_open` opens in C.
 *
 * @param name - `'/name'` or `'name'`
 * @throws TypeError or RangeError for a wrong option
 * @throws MultiprocError with code `ERR_MULTIPROC_NAME` for a wrong name
 * @throws SystemError `ENOENT`, `EEXIST`, `EACCES`, `EMFILE`, `ENOSPC`
 */
export function semOpen(name: string, options: SemOptions = {}): PosixSemaphore {
  const path = systemName(name, longestName);
  semOptions.check(options, 'semOpen');
  const { create = false, exclusive = false, mode = 0o600, value = 1 } = options;
  return new PosixSemaphore(name, native.posixSemaphoreOpen(path, create, exclusive, mode, value));
}

/**
 * Removes the name. Whoever has the semaphore open keeps it. Mirrors `sem_unlink`.
 *
 * @throws SystemError `ENOENT`, `EACCES`
 */
export function semUnlink(name: string): void {
  native.posixSemaphoreUnlink(systemName(name, longestName));
}
