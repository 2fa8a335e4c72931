/** The files in /dev/shm, which every user may fill: listed and opened without following, waiting for or believing them. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, type Stats, statfsSync } from 'node:fs';
import { SystemError } from '../errors.js';
import { native } from '../native.js';
import { explainShmFolder } from '../shm-failure.js';

const folder = '/dev/shm';

/**
 * The names of all files.
 *
 * @throws SystemError `ENOENT`, `EACCES`: there is no such folder, or this user may not list it
 */
export function shmFiles(): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw folderError(cause as NodeJS.ErrnoException);
  }
}

/** The file system in bytes, and its magic number. A tmpfs without a limit has the capacity 0. */
export interface ShmSpace {
  readonly free: number;
  readonly capacity: number;
  readonly type: number;
}

/** @throws SystemError `ENOENT`, `EACCES` */
export function shmSpace(): ShmSpace {
  try {
    const { bavail, blocks, bsize, type } = statfsSync(folder);
    return { free: bavail * bsize, capacity: blocks * bsize, type };
  } catch (cause) {
    throw folderError(cause as NodeJS.ErrnoException);
  }
}

function folderError(cause: NodeJS.ErrnoException): SystemError {
  const { code = 'EIO', errno = -5, syscall = 'scandir' } = cause;
  const details = { code, errno: Math.abs(errno), syscall, path: folder, cause };
  return new SystemError(`${code}: ${syscall} '${folder}': ${explainShmFolder(cause)}`, details);
}

/** What is known of a regular file of this user; `undefined` for everything else. */
export function statOwn(file: string): Stats | undefined {
  try {
    const status = lstatSync(`${folder}/${file}`);
    return isOwn(status) ? status : undefined;
  } catch {
    return undefined; // It was removed meanwhile, or its name cannot be decoded.
  }
}

/**
 * Reads a regular file of this user: without following links, and without waiting for the other end of a FIFO.
 *
 * @returns what `read` returned, which gets a descriptor that is closed afterwards; `undefined` for every other file
 */
export function readOwn<T>(file: string, read: (fd: number, status: Stats) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(`${folder}/${file}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined; // It was removed meanwhile, is a link or a socket, or not for this user to read.
  }
  try {
    const status = fstatSync(fd);
    return isOwn(status) ? read(fd, status) : undefined;
  } finally {
    closeSync(fd);
  }
}

function isOwn(status: Stats): boolean {
  return status.isFile() && status.uid === native.user();
}
