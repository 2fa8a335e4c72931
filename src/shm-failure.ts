/** The meaning of a failed system call in /dev/shm, and its cure: the part of an error's message behind the code. */
import { lstatSync, type Stats, statfsSync } from 'node:fs';

const folder = '/dev/shm';

/**
 * Explains why a call about `path` failed; `undefined` where there is nothing to say beyond the system's own words.
 *
 * @param code the system's name for the reason
 * @param path `/dev/shm/` for a file that has no name yet, else the file
 */
export function explainShmFailure(code: string, path: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const mount = look(folder);
  if (mount === undefined || !mount.isDirectory()) {
    return `there is no folder ${folder}, where shared memory lies: mount a tmpfs there (mount -t tmpfs -o mode=1777 tmpfs ${folder})`;
  }
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `${folder} is full${room()}: free some of it, or make it larger (--shm-size of docker run, the size of the tmpfs)`;
    case 'EROFS':
      return `${folder} is mounted read-only: mount a tmpfs there that can be written (mode=1777)`;
    case 'EACCES':
    case 'EPERM':
      return path === `${folder}/` ? noAccess(mount) : (explainFile(path) ?? noAccess(mount));
    case 'ELOOP':
    case 'EISDIR':
    case 'ENXIO':
    case 'EMLINK':
      return explainFile(path);
    case 'EBUSY':
      return 'a program that was sweeping it has been stopped for five seconds: let it continue, or end it';
    default:
      return undefined;
  }
}

/** Explains why a call about the folder itself failed: a listing, or a query of its size. */
export function explainShmFolder(error: NodeJS.ErrnoException): string {
  const why = explainShmFailure(error.code ?? '', `${folder}/`);
  return why === undefined ? `${folder} cannot be used: ${error.message}` : why;
}

function noAccess({ uid, gid, mode }: Stats): string {
  return (
    `user ${process.geteuid?.()} may not use ${folder}, which belongs to user ${uid}, group ${gid}, with mode ` +
    `${octal(mode)}: expected a tmpfs with mode 1777`
  );
}

/** The file as it is now, if that is a reason. */
function explainFile(path: string): string | undefined {
  const status = look(path);
  if (status === undefined) return undefined;
  const whose = `of user ${status.uid}`;
  const remedy =
    status.uid === process.geteuid?.()
      ? 'remove it, or take another name'
      : `only user ${status.uid} and root can remove it: have it removed, or take another name`;
  const type = typeOf(status);
  if (type !== 'file') return `there is a ${type} ${whose} in the place of shared memory: ${remedy}`;
  if (status.uid !== process.geteuid?.())
    return `the file is one ${whose}, not of user ${process.geteuid?.()}: ${remedy}`;
  if (status.nlink > 1) return `the file has another name, too (a hard link): remove one of the names`;
  if ((status.mode & 0o7777) !== 0o600) {
    return `the file has mode ${octal(status.mode)}, but this package makes its files with mode 600: ${remedy}`;
  }
  return undefined;
}

function typeOf(status: Stats): string {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symbolic link';
  if (status.isFIFO()) return 'FIFO';
  if (status.isSocket()) return 'socket';
  return 'device';
}

function room(): string {
  try {
    const { bsize, blocks, bavail } = statfsSync(folder);
    return ` (${mebibytes(bsize * bavail)} free of ${mebibytes(bsize * blocks)})`;
  } catch {
    return ''; // It vanished meanwhile.
  }
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined; // There is no such file, or no access to where it would be.
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
