/** The errors that this package throws: one class for each thing a caller may want to tell apart. */

import { printable } from './printable.js';

/** Options of every error of this package, beside its message. */
export interface MultiprocErrorOptions extends ErrorOptions {
  /** Replaces the class's own `ERR_MULTIPROC_…` code. */
  code?: string;
}

/** The common ancestor of all errors of this package. */
export class MultiprocError extends Error {
  /** `ERR_MULTIPROC_…`, or the system's name (`'ENOENT'`) where a system call failed. */
  readonly code: string;

  /** Characters that a terminal would obey are escaped in the message: it may hold names that other programs chose. */
  constructor(message = '', options: MultiprocErrorOptions = {}) {
    super(printable(String(message)), options);
    this.code = options.code ?? 'ERR_MULTIPROC';
  }
}

/** A system call failed. `code` is the system's name for the reason, as in Node's own errors. */
export class SystemError extends MultiprocError {
  /** The system's number for the reason, positive. */
  readonly errno: number;
  /** The call that failed. */
  readonly syscall: string;
  /** The name of the object or file of the call; empty without one. */
  readonly path: string;
  /** Of `ENOSPC` for shared memory: the bytes that were wanted. */
  declare readonly wanted?: number;
  /** Of `ENOSPC` for shared memory: the bytes of /dev/shm that were free. */
  declare readonly free?: number;
  /** Of `ENOSPC` for shared memory: the bytes that /dev/shm has in all. */
  declare readonly capacity?: number;

  constructor(
    message: string,
    details: ErrorOptions & {
      code: string;
      errno: number;
      syscall: string;
      path: string;
      wanted?: number;
      free?: number;
      capacity?: number;
    },
  ) {
    super(message, details);
    this.errno = details.errno;
    this.syscall = details.syscall;
    this.path = details.path;
    const { wanted, free, capacity } = details;
    if (wanted !== undefined) Object.assign(this, { wanted, free, capacity });
  }
}

/**
 * A process could not be started or used as asked; mirrors `multiprocessing.ProcessError`, as whose kind it also
 * counts time-outs, buffers that are too short, and failed authentication.
 */
export class ProcessError extends MultiprocError {
  constructor(message?: string, options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_PROCESS', ...options });
  }
}

/** A wait ended before what it waited for; mirrors `multiprocessing.TimeoutError`. */
export class TimeoutError extends ProcessError {
  constructor(message = 'The wait timed out', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_TIMEOUT', ...options });
  }
}

/** A queue had nothing to give within the wait; mirrors `queue.Empty`. */
export class Empty extends MultiprocError {
  constructor(message = 'The queue is empty', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_EMPTY', ...options });
  }
}

/** A queue had no room within the wait; mirrors `queue.Full`. */
export class Full extends MultiprocError {
  constructor(message = 'The queue is full', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_FULL', ...options });
  }
}

/**
 * A message of a JoinableQueue is not its consumer's any more: the queue's `lease` has ended, and the message is offered to
 * others. Nothing was changed. Python has no leases.
 */
export class LeaseExpiredError extends MultiprocError {
  constructor(message = 'The lease of the message has ended', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_LEASE', ...options });
  }
}

/** The object was closed in this process; Python reports the same as `ValueError` or `OSError`. */
export class ClosedError extends MultiprocError {
  constructor(message = 'The object is closed', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_CLOSED', ...options });
  }
}

/** The barrier is broken; mirrors `threading.BrokenBarrierError`. */
export class BrokenBarrierError extends MultiprocError {
  constructor(message = 'The barrier is broken', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_BROKEN_BARRIER', ...options });
  }
}

/** A buffer cannot hold the message, which is not lost; mirrors `multiprocessing.BufferTooShort`. */
export class BufferTooShort extends ProcessError {
  /** The whole message, as `args[0]` in Python. */
  readonly bytes: Uint8Array | undefined;

  constructor(message = 'The buffer is too short', options: MultiprocErrorOptions & { bytes?: Uint8Array } = {}) {
    super(message, { code: 'ERR_MULTIPROC_BUFFER_TOO_SHORT', ...options });
    this.bytes = options.bytes;
  }

  /** The whole message alone, where Python has it. */
  get args(): [Uint8Array | undefined] {
    return [this.bytes];
  }
}

/** The peer does not know the key; mirrors `multiprocessing.AuthenticationError`. */
export class AuthenticationError extends ProcessError {
  constructor(message = 'Authentication failed', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_AUTHENTICATION', ...options });
  }
}

/** Everything that the other side sent was read, and no sender is left; mirrors Python's `EOFError`. */
export class EOFError extends MultiprocError {
  constructor(message = 'The other side is gone', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_EOF', ...options });
  }
}

/** A manager's server failed; mirrors `multiprocessing.managers.RemoteError`. */
export class RemoteError extends MultiprocError {
  constructor(message = 'The server failed', options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_REMOTE', ...options });
  }
}

/** A pool's worker died while it ran a task. Python's `Pool` never tells; `concurrent.futures` has `BrokenProcessPool`. */
export class WorkerLostError extends MultiprocError {
  /** Pid of the worker. */
  readonly pid: number | undefined;
  /** The exit code, −signal if a signal ended it, as `exitCode` of a process. */
  readonly exitCode: number | undefined;
  /** The signal that ended it, such as `'SIGKILL'`; null if none did. */
  readonly signal: string | null;

  constructor(
    message = 'The worker died',
    options: MultiprocErrorOptions & { pid?: number; exitCode?: number; signal?: string | null } = {},
  ) {
    super(message, { code: 'ERR_MULTIPROC_WORKER_LOST', ...options });
    this.pid = options.pid;
    this.exitCode = options.exitCode;
    this.signal = options.signal ?? null;
  }
}

/**
 * The result of a task cannot travel back; mirrors `multiprocessing.pool.MaybeEncodingError`. Its `cause`, a TypeError,
 * says what and why.
 */
export class MaybeEncodingError extends MultiprocError {
  /** The reason, in words. */
  readonly exc: string;
  /** The value, in words. */
  readonly value: string;

  constructor(exc: string, value: string, options?: ErrorOptions) {
    super(`Error sending result: '${value}'. Reason: '${exc}'`, { code: 'ERR_MULTIPROC_ENCODING', ...options });
    this.exc = exc;
    this.value = value;
  }
}

/** Misuse that Python reports as `ValueError` or `AssertionError`. */
export class ValueError extends MultiprocError {
  constructor(message?: string, options?: MultiprocErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_VALUE', ...options });
  }
}

/** Thrown by a target it ends the child without being an error; mirrors Python's `SystemExit`. */
export class SystemExit extends MultiprocError {
  /** An exit code, `true` for 1, nothing for 0; anything else is written to stderr, and the exit code is 1. */
  readonly reason: unknown;

  constructor(reason?: unknown) {
    super('The process is to end', { code: 'ERR_MULTIPROC_EXIT' });
    this.reason = reason;
  }
}

// On the prototypes, where V8 finds the name while it writes the first line of the stack.
for (const errorClass of [
  MultiprocError,
  SystemError,
  TimeoutError,
  Empty,
  Full,
  LeaseExpiredError,
  ClosedError,
  BrokenBarrierError,
  BufferTooShort,
  AuthenticationError,
  EOFError,
  RemoteError,
  WorkerLostError,
  ProcessError,
  MaybeEncodingError,
  ValueError,
  SystemExit,
]) {
  Object.defineProperty(errorClass.prototype, 'name', { value: errorClass.name, writable: true, configurable: true });
}
