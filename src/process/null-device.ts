/** The null device, opened once and kept: almost every child uses it. */
import { openSync } from 'node:fs';
import { SystemError } from '../errors.js';

const path = '/dev/null';
let descriptor: number | undefined;

/** @throws SystemError `EMFILE`, `ENFILE` if it cannot be opened, `ENOENT` if it does not exist */
export function nullDevice(): number {
  try {
    descriptor ??= openSync(path, 'r+');
    return descriptor;
  } catch (cause) {
    const { code = '', errno = 0, syscall = '', message } = cause as NodeJS.ErrnoException;
    throw new SystemError(message, { code, errno: -errno, syscall, path, cause });
  }
}
