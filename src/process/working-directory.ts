/** The directory that children work in. */
import { SystemError } from '../errors.js';

/** @throws SystemError `ENOENT` if it is gone */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const { code = '', errno = 0, syscall = '' } = cause as NodeJS.ErrnoException;
    throw new SystemError(`${code}: The working directory is gone`, { code, errno: -errno, syscall, path: '.', cause });
  }
}
