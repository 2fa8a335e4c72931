/** Plain POSIX shared memory: a name, bytes, and nothing of ours in them. */

import { constants } from 'node:buffer';
import { ClosedError, SystemError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { type MappingHandle, native } from '../native.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { fileMode, integerBetween } from './integer.js';
import { systemName } from './name.js';

const longestName = 255;

/** Options of {@link shmOpen}. */
export interface ShmOptions {
  /** Make the object if it does not exist. Default `false`. */
  create?: boolean | undefined;
  /** With `create`: fail with `EEXIST` if there is one. Default `false`. */
  exclusive?: boolean | undefined;
  /** Bytes, at least 1; required with `create`. An object that exists keeps its size. */
  size?: number | undefined;
  /** Permissions of a new object; the umask applies. Default `0o600`. */
  mode?: number | undefined;
}

const shmOptions = new OptionTable<ShmOptions>({
  create: boolean,
  exclusive: boolean,
  size: integerBetween(1, constants.MAX_LENGTH),
  mode: fileMode,
});

/** Shared memory that {@link shmOpen} opened. */
export class PosixSharedMemory {
  /** The name as it was given. */
  readonly name: string;
  /** Bytes: the whole object, which may be larger than requested if another process made it. */
  readonly size: number;
  readonly #mapping: MappingHandle;
  readonly #buffer: ArrayBuffer;
  #closed = false;

  /** @internal */
  constructor(name: string, opened: { mapping: MappingHandle; buffer: ArrayBuffer }) {
    refuseClones(this);
    this.name = name;
    this.size = opened.buffer.byteLength;
    this.#mapping = opened.mapping;
    this.#buffer = opened.buffer;
  }

  /**
   * The shared bytes. `Atomics` on typed arrays over it work across processes, except `Atomics.wait` and `notify`.
   * `postMessage` copies it silently: open the name again in a Worker.
   *
   * @throws ClosedError after {@link close}
   */
  get buffer(): ArrayBuffer {
    if (this.#closed) throw new ClosedError(`The shared memory '${this.name}' is closed`);
    return this.#buffer;
  }

  /**
   * Unmaps the memory in this process; the object stays until {@link shmUnlink}. Idempotent.
   *
   * Views of `buffer` have length 0 afterwards. A call of `fs` or `zlib` that is still in flight on one of them
   * continues with bytes that no other code sees. Wait for `zlib` calls all the same: Node itself aborts the process if
   * one that fills more than its `chunkSize` of output begins the next piece with a view that has no length any more.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    native.detachBuffer(this.#buffer);
    native.retireMapping(this.#mapping);
  }
}
isNoData(PosixSharedMemory);

/**
 * Opens the POSIX shared memory object `name`, or makes it. Mirrors C's `shm_open` with `mmap`, and reads and writes
 * what `multiprocessing.shared_memory.SharedMemory(name)` does in Python, whose names have no slash.
 *
 * A new object is zero-filled and its memory reserved at once. Whoever else opens it while it is being made may find it
 * empty (see below) or still zero.
 *
 * @param name - `'/name'` or `'name'`
 * @throws TypeError or RangeError for a wrong option
 * @throws MultiprocError with code `ERR_MULTIPROC_NAME` for a wrong name
 * @throws ValueError for an object of 0 bytes
 * @throws SystemError `ENOENT`, `EEXIST`, `EACCES`; `ENOSPC` where /dev/shm is full; `EMFILE`, `ENOMEM`; `EFBIG` for an
 * object larger than an ArrayBuffer may be (`buffer.constants.MAX_LENGTH`)
 */
export function shmOpen(name: string, options: ShmOptions = {}): PosixSharedMemory {
  const path = systemName(name, longestName);
  shmOptions.check(options, 'shmOpen');
  const { create = false, exclusive = false, size, mode = 0o600 } = options;
  if (create && size === undefined) throw new TypeError('Expected "size", in bytes, with "create"');
  try {
    return new PosixSharedMemory(
      name,
      native.posixShmOpen(path, create, exclusive, mode, size ?? 0, constants.MAX_LENGTH),
    );
  } catch (error) {
    if (!(error instanceof SystemError && error.code === 'ENODATA')) throw error;
    throw new ValueError(`The shared memory '${name}' has no bytes yet: its creator has to give it a size`, {
      cause: error,
    });
  }
}

/**
 * Removes the name. Whoever has the object open keeps it. Mirrors C's `shm_unlink` and Python's `SharedMemory.unlink`.
 *
 * @throws SystemError `ENOENT`, `EACCES`
 */
export function shmUnlink(name: string): void {
  native.posixShmUnlink(systemName(name, longestName));
}
