/** The null device, which is opened once and kept: almost every child wants it. */
import { openSync } from 'node:fs';
import { SystemError } from '../errors.js';

const path = '/dev/null';
let descriptor: number | undefined;

/** @throws SystemError `EMFILE`, `ENFILE` where it cannot be opened, `ENOENT` where there is none */
export function nullDevice(): number {
  try {
    descriptor ??= openSync(path, 'r+');
    return descriptor;
  } catch (cause) {
    const { code = '', errno = 0, syscall = '', message } = cause as NodeJS.ErrnoException;
    throw new SystemError(message, { code, errno: -errno, syscall, path, cause });
  }
}
