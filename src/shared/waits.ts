/** The waits of all processes of this user, read from the registry and from the files of the objects, which stay closed. */
import type { Stats } from 'node:fs';
import { openersByInode } from '../lifecycle/openers.js';
import { attach } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import { BlockKind, isQueue, kindNames, robustFlag } from './block.js';
import { glance, wordsAt } from './glance.js';
import { type Holder, holderOf } from './inspect.js';
import { anonymousPrefix, namedPrefix } from './names.js';
import type { JoinableQueueInfo } from './queue-info.js';
import { readOwn, shmFiles } from './shm-folder.js';

/** One wait of a thread. */
export interface ProcessWait {
  /** The process that waits. */
  readonly pid: number;
  /** Class of the object; `null` for an object without a file, which no other process can reach. */
  readonly kind: string | null;
  /** The name that the program gave the object; `null` for an anonymous one. */
  readonly name: string | null;
  readonly file: string | null;
  /** What it waits for. */
  readonly event: string;
  /** `'holders'`: the wait ends when one of `by` acts, as it holds the object; `'users'`: any process that has it open may act. */
  readonly on: 'holders' | 'users';
  /** Each process once. */
  readonly by: readonly Holder[];
}

interface File {
  readonly file: string;
  readonly inode: number;
}

/** {@link ProcessWait.event} of a wait for a lock. */
export const lockEvent = 'the lock';
/** What a thread waits for in a queue, by the 32 bytes of the ring that stand for the wait. */
const ringEvents = ['a message', 'room for a message', 'the end of all work'];

/**
 * Lists what the threads of all processes are parked on, at most eight waits of each thread.
 *
 * A wait for another kind of event is not there: for a timer, a socket, the end of a process.
 */
export function allWaits(): ProcessWait[] {
  attach();
  const files = new Map(ownFiles().map((each) => [each.inode, each]));
  const openers = openersByInode();
  return native.waits().map(([pid, inode, body]) => {
    const file = files.get(inode);
    const users = (openers.get(inode) ?? [])
      .filter((other) => other !== pid)
      .map((other) => ({ pid: other, alive: true }));
    if (file === undefined) {
      return { pid, kind: null, name: null, file: null, event: 'a change', on: 'users', by: users };
    }
    const seen = readOwn(file.file, (fd) => waitAt(fd, body)) ?? { kind: null, event: 'a change' };
    const { kind, event, holders } = seen;
    const prefix = namedPrefix();
    return {
      pid,
      kind,
      name: file.file.startsWith(prefix) ? file.file.slice(prefix.length) : null,
      file: file.file,
      event,
      on: holders === undefined ? 'users' : 'holders',
      by: holders ?? consumersOf(file.file, event) ?? users,
    };
  });
}

function ownFiles(): File[] {
  const prefixes = [namedPrefix(), anonymousPrefix()];
  return shmFiles()
    .filter((file) => prefixes.some((prefix) => file.startsWith(prefix)))
    .flatMap((file) => readOwn(file, (_fd, { ino }: Stats) => [{ file, inode: ino }]) ?? []);
}

interface Seen {
  readonly kind: string | null;
  readonly event: string;
  readonly holders?: Holder[];
}

function waitAt(fd: number, body: number): Seen {
  const first = layout.firstBlock + layout.blockHeaderSize;
  const [firstKind = 0] = wordsAt(fd, layout.firstBlock, 1);
  if (isQueue(firstKind)) {
    const event = ringEvents[(body - first) / 32] ?? 'a change';
    return { kind: kindNames[firstKind] ?? null, event };
  }
  const [kind = 0, , , flags = 0, length = 0] = wordsAt(fd, body - layout.blockHeaderSize, layout.blockHeaderSize / 4);
  const name = kindNames[kind] ?? null;
  switch (kind) {
    case BlockKind.lock:
    case BlockKind.rlock:
    case BlockKind.value:
    case BlockKind.array:
      return { kind: name, event: lockEvent, holders: owners(wordsAt(fd, body + layout.wordOffset, 1)) };
    case BlockKind.semaphore:
    case BlockKind.boundedSemaphore:
      if ((flags & robustFlag) === 0) return { kind: name, event: 'a permit' };
      return { kind: name, event: 'a permit', holders: owners(wordsAt(fd, body + layout.tableOffset, length)) };
    case BlockKind.event:
      return { kind: name, event: 'set()' };
    case BlockKind.barrier:
      return { kind: name, event: 'the other parties' };
    case BlockKind.condition:
      return { kind: name, event: 'notify()' };
    default:
      return { kind: name, event: 'a change' };
  }
}

/** The processes of the owner words that are not free, each once. */
function owners(words: Int32Array): Holder[] {
  const found = new Map<number | null, Holder>();
  for (const word of words) {
    const owner = word & layout.ownerMask;
    if (owner === 0) continue;
    const holder = holderOf(owner);
    found.set(holder.pid, holder);
  }
  return [...found.values()];
}

/** The consumers that have messages open, for a wait for the end of all work. */
function consumersOf(file: string, event: string): Holder[] | undefined {
  const queue = event === ringEvents[2] ? (glance(file).queue as JoinableQueueInfo | undefined) : undefined;
  if (queue === undefined || queue.consumers.length === 0) return undefined;
  return queue.consumers.map(({ pid, alive }) => ({ pid, alive }));
}
