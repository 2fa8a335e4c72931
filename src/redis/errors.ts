/** Errors of a Redis context: what the server or the connection to it failed to do. */
import { Full, MultiprocError } from '../errors.js';

/** The server did not answer, refused a command, or is not the kind of server that is needed. */
export class RedisError extends MultiprocError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, { code: 'ERR_MULTIPROC_REDIS', ...options });
  }
}
Object.defineProperty(RedisError.prototype, 'name', { value: 'RedisError', writable: true, configurable: true });

/** Makes the error of this package for an error reply of the server, or an error of the connection. */
export function redisError(error: unknown, what: string): Error {
  if (error instanceof MultiprocError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith('OOM')) {
    return new Full(
      `Redis has no memory left for ${what} (${message}): raise "maxmemory" of the server, or take what waits in it`,
      { cause: error },
    );
  }
  if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(message)) {
    return new RedisError(`Redis refused ${what}: ${message}. Give the URL a user and a password that may do it`, {
      cause: error,
    });
  }
  return new RedisError(`Redis could not do ${what}: ${message}`, { cause: error });
}

/** The error of a form that blocks the thread. */
export function noSync(form: string, instead: string): MultiprocError {
  return new MultiprocError(
    `${form} blocks the thread, and an answer of Redis needs the event loop: use ${instead}, which returns a promise`,
    { code: 'ERR_MULTIPROC_SYNC' },
  );
}
