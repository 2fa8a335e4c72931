/** The directories in which children are started and work. */
import { SystemError } from '../errors.js';

/**
 * The working directory when this package was loaded; `undefined` if it was gone. Relative paths in node's options
 * (`--import ./x.mjs`, `NODE_OPTIONS`, `NODE_EXTRA_CA_CERTS`) were resolved against it in this process, so children are
 * started in it and change to the working directory of `start()` afterwards.
 */
export const startDirectory = currentDirectory();

/** The working directory; `undefined` if it is gone. */
export function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // Removed: there is no directory to start in.
    return undefined;
  }
}

/** @throws SystemError `ENOENT` if it is gone */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const { code = '', errno = 0, syscall = '' } = cause as NodeJS.ErrnoException;
    throw new SystemError(`${code}: The working directory is gone`, { code, errno: -errno, syscall, path: '.', cause });
  }
}
