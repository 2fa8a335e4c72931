/**
 * Raw memory that belongs to a manager: its name says to which, and a file that only a living manager has open says
 * whether that one lives. So nobody has to keep a list that could be lost, and whoever comes next can clean up.
 */

import { SystemError } from '../errors.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { getLogger } from '../logging.js';
import { layout, native } from '../native.js';
import { anonymousPrefix, isAnonymousFile } from './names.js';
import { shmFiles, statOwn } from './shm-folder.js';

/** As Python's names begin, and for Python to open; then the manager's token, behind the ABI version that it is for. */
const pattern = new RegExp(`^psm_[0-9a-f]{8}\\.m${layout.abi}\\.([0-9a-f]{16})$`);

/** A name for new memory of the manager. */
export function managedName(token: string): string {
  return `psm_${randomBytes(4).toString('hex')}.m${layout.abi}.${token}`;
}

/** The file that the manager has open for as long as it lives. It is swept like all anonymous ones. */
export function sentinelFile(token: string): string {
  return `${anonymousPrefix()}manager.${token}`;
}

const sentinelName = /^manager\.([0-9a-f]{16})$/;

/** The token of the manager that the file belongs to, or that is alive while somebody has it open; if it is such a file. */
export function managerOf(file: string): string | undefined {
  if (!isAnonymousFile(file)) return pattern.exec(file)?.[1];
  return sentinelName.exec(file.slice(anonymousPrefix().length))?.[1];
}

/**
 * Removes what belongs to the manager. Processes that have the memory open continue to use it.
 *
 * @param made names that this process gave; the others are found by listing /dev/shm, and left where that cannot be done
 */
export function unlinkManaged(token: string, made: Iterable<string>): void {
  for (const file of made) unlinkQuietly(file);
  try {
    for (const { file } of managedFiles((each) => each === token)) unlinkQuietly(file);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    getLogger().warning('what other processes made for a SharedMemoryManager is left: %s', error.message);
  }
}

/** Removes what belongs to managers that are gone. */
export function sweepManaged(): { file: string; size: number }[] {
  const dead = new Map<string, boolean>();
  const orphans = managedFiles((token) => {
    let isDead = dead.get(token);
    if (isDead === undefined) {
      isDead = native.sweepFile(sentinelFile(token)) !== 'in-use';
      dead.set(token, isDead);
    }
    return isDead;
  });
  return orphans.filter(({ file }) => {
    try {
      return unlinkQuietly(file);
    } catch {
      return false; // This user may not remove it, or not now: it stays for the next sweep.
    }
  });
}

function managedFiles(wanted: (token: string) => boolean): { file: string; size: number }[] {
  const found: { file: string; size: number }[] = [];
  for (const file of shmFiles()) {
    const token = pattern.exec(file)?.[1];
    if (token === undefined) continue;
    // The sentinels of other users have other names: to root, their managers would look dead.
    const status = statOwn(file);
    if (status !== undefined && wanted(token)) found.push({ file, size: status.size });
  }
  return found;
}

/** `false` if another program was quicker. */
function unlinkQuietly(file: string): boolean {
  try {
    native.unlinkFile(file);
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return false;
    throw error;
  }
}
