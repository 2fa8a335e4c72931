/** What of ours exists on this machine: the files in /dev/shm that belong to this user, read without opening them. */
import { readSync, type Stats } from 'node:fs';
import { openersByInode } from '../lifecycle/openers.js';
import { layout } from '../native.js';
import { describe } from '../options/describe.js';
import { BlockKind, kindNames, unlinkIfThere } from './block.js';
import { boardFlag } from './board-layout.js';
import { managerOf } from './managed-memory.js';
import { anonymousPrefix, isName, namedPrefix } from './names.js';
import { readOwn, shmFiles } from './shm-folder.js';

/** One shared object, or one arena of small anonymous ones. */
export interface ObjectInfo {
  /** The user's name; `null` for anonymous ones. */
  name: string | null;
  /** The file in /dev/shm. */
  file: string;
  /**
   * `'Lock'`, `'Value'` …; `'Pool'` (what its workers do), `'arena'`, `'memory'` (raw, anonymous), `'managed memory'` (of a SharedMemoryManager, with what
   * its lists are in), `'manager'` (there while one lives), `'named pool'` (by which its
   * members find its host), or `'unknown'` for a file that is damaged.
   */
  kind: string;
  /** In bytes, header included: how much it may take. */
  size: number;
  /** In bytes: how much memory it takes now. A queue takes only as much of its capacity as it has needed so far. */
  memory: number;
  /** The pids of the processes that have it open; those in other pid namespaces are missing. */
  openers: number[];
  /** Who made it; `null` where the file does not tell. */
  creatorPid: number | null;
  /** When, in milliseconds since 1970; `null` where the file does not tell. */
  createdMs: number | null;
}

/**
 * Lists the shared objects of this user. Other files are passed over: those of other users, and what is not a regular file.
 *
 * @param prefix only named objects whose name starts with it; absent: all, anonymous ones included
 * @throws SystemError `ENOENT`, `EACCES` where there is no /dev/shm, or this user may not list it
 */
export function list(prefix?: string): ObjectInfo[] {
  if (prefix !== undefined && typeof prefix !== 'string') {
    throw new TypeError(`Expected "prefix" to be a string, got ${describe(prefix)}`);
  }
  const openers = openersByInode();
  const wanted = prefix === undefined ? [namedPrefix(), anonymousPrefix()] : [namedPrefix() + prefix];
  return shmFiles()
    .filter((file) => wanted.some((start) => file.startsWith(start)) || (prefix === undefined && managerOf(file)))
    .sort()
    .map((file) => readOwn(file, (fd, status) => readInfo(file, fd, status, openers)))
    .filter((info) => info !== undefined);
}

/**
 * Removes the names of all objects of this user that start with `prefix`. Those who have them open go on using them.
 *
 * @returns the names removed
 */
export function unlinkAll(prefix: string): string[] {
  if (typeof prefix !== 'string') throw new TypeError(`Expected "prefix" to be a string, got ${describe(prefix)}`);
  const removed: string[] = [];
  for (const { name } of list(prefix)) {
    // A file whose name no object can have is not one of this package's.
    if (name !== null && isName(name) && unlinkIfThere(name)) removed.push(name);
  }
  return removed;
}

function readInfo(file: string, fd: number, status: Stats, openers: Map<number, number[]>): ObjectInfo {
  const prefix = namedPrefix();
  const name = file.startsWith(prefix) ? file.slice(prefix.length) : null;
  const head = new DataView(new ArrayBuffer(layout.firstBlock + layout.blockHeaderSize));
  const { ino, size, blocks } = status;
  const whole = readSync(fd, head, 0, head.byteLength, 0) === head.byteLength;
  const ours = whole && head.getBigUint64(0, true) === magic;
  return {
    name,
    file,
    kind: ours ? kindOf(head) : name === null ? rawKindOf(file) : 'unknown',
    size,
    memory: blocks * blockBytes,
    openers: openers.get(ino) ?? [],
    creatorPid: ours ? head.getUint32(layout.creatorPidOffset, true) : null,
    createdMs: ours ? Number(head.getBigUint64(layout.createdOffset, true)) : null,
  };
}

const magic = Buffer.from('MPROCSEG').readBigUInt64LE();
const arena = 2;
/** What stat(2) counts in, whatever the file system's own blocks are. */
const blockBytes = 512;
const segmentKindOffset = 24;
const blockFlagsOffset = 12;

/** Of a file without a header of ours. */
function rawKindOf(file: string): string {
  if (file.startsWith(`${anonymousPrefix()}pool.`)) return 'named pool';
  if (managerOf(file) === undefined) return 'memory';
  return file.startsWith(anonymousPrefix()) ? 'manager' : 'managed memory';
}

function kindOf(head: DataView): string {
  if (head.getUint32(segmentKindOffset, true) === arena) return 'arena';
  const kind = head.getUint32(layout.firstBlock, true);
  if (kind === BlockKind.array && head.getUint32(layout.firstBlock + blockFlagsOffset, true) === boardFlag)
    return 'Pool';
  return kindNames[kind] ?? 'unknown';
}
