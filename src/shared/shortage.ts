/** The error of a call for which /dev/shm has no memory: how much was wanted, how much there is, and the cure. */
import { SystemError } from '../errors.js';
import { shmSpace } from './shm-folder.js';

/**
 * `ENOSPC` with the figures.
 *
 * @param what what the memory is wanted for, such as `'a message'`
 * @param wanted bytes
 * @param limit bytes that may be taken at most, if that is less than what is free
 */
export function noMemoryFor(what: string, wanted: number, limit?: number): SystemError {
  const { free, capacity } = shmSpace();
  const within = limit === undefined ? '' : `, of which this object uses at most ${limit}`;
  return new SystemError(
    `ENOSPC: there is no shared memory for ${what} of about ${wanted} bytes: /dev/shm has ${free} bytes free of ` +
      `${capacity}${within}. Make it larger (--shm-size of docker run, the size of the tmpfs), free some of it, or ` +
      'use less of it at once',
    { code: 'ENOSPC', errno: 28, syscall: 'posix_fallocate', path: '/dev/shm', wanted, free, capacity },
  );
}

/** Makes something of so many bytes; a failure for want of memory has the figures. */
export function reserving<T>(wanted: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'ENOSPC') throw error;
    const { code, errno, syscall, path, message } = error;
    const { free, capacity } = shmSpace();
    const figures = `wanted ${wanted} bytes, ${free} of ${capacity} are free`;
    throw new SystemError(`${message} (${figures})`, {
      code,
      errno,
      syscall,
      path,
      wanted,
      free,
      capacity,
      cause: error,
    });
  }
}
