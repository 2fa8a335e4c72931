/** What one named object is doing: who holds it, who waits for it, how deep, how many permits are left. */

import { MultiprocError, SystemError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import { describe } from '../options/describe.js';
import { Block, BlockKind, blockOf, isQueue, kindNames, robustFlag } from './block.js';
import { boardFlag } from './board-layout.js';
import { arenaObjects, glance, type PoolInfo, poolOf } from './glance.js';
import { list, type ObjectInfo } from './listing.js';
import { isMap, type MapInfo, mapInfoOf } from './map-info.js';
import { checkName, isAnonymousFile } from './names.js';
import { type JoinableQueueInfo, type QueueInfo, queueInfoOf } from './queue-info.js';

/** A participant as the registry knows it. */
export interface Holder {
  /** In the holder's own pid namespace; `null` if its slot has a new owner since. */
  pid: number | null;
  /** A dead holder's lock or permits are free for the next one. */
  alive: boolean;
}

/** What a lock is doing, that of a value or an array included. */
export interface LockInfo {
  /** `null` if it is free. */
  holder: Holder | null;
  /** How often an RLock is held by its holder. */
  depth: number;
  /** A holder died, and nobody called `markConsistent()` since. */
  ownerDied: boolean;
  /** The pids of the threads that wait, as far as the registry shows them (eight waits of each thread). */
  waiters: number[];
}

/** What a semaphore is doing. */
export interface SemaphoreInfo {
  /** Free permits. */
  value: number;
  /** Whether the permits of dead holders come back. */
  robust: boolean;
  /** Who holds permits of a robust semaphore, once for each permit. */
  holders: Holder[];
  /** The pids of the threads that wait, as of a lock. */
  waiters: number[];
}

/** What a barrier is doing. */
export interface BarrierInfo {
  /** How many have to arrive. */
  parties: number;
  /** Parties that have arrived and wait; 0 if it is broken. */
  waiting: number;
  /** Whether whoever waits gets a BrokenBarrierError until `reset()`. */
  broken: boolean;
  /** The pids of the threads that wait, as of a lock. */
  waiters: number[];
}

/** What a condition is doing. */
export interface ConditionInfo {
  /** Waits that nobody has notified. */
  waiting: number;
}

/** What an event is doing. */
export interface EventInfo {
  /** Whether nobody has to wait. */
  set: boolean;
  /** The pids of the threads that wait, as of a lock. */
  waiters: number[];
}

/** What an arena is doing: small anonymous objects share one segment. */
export interface ArenaInfo {
  /** How many objects of which class are in it. */
  objects: Record<string, number>;
}

/** What {@link inspect} returns. */
export interface Inspection extends ObjectInfo {
  /** For locks, and for the lock of a value or an array. */
  lock?: LockInfo;
  /** For semaphores, bounded or not. */
  semaphore?: SemaphoreInfo;
  /** For events. */
  event?: EventInfo;
  /** For conditions, beside their lock. */
  condition?: ConditionInfo;
  /** For barriers. */
  barrier?: BarrierInfo;
  /** For queues. */
  queue?: QueueInfo | JoinableQueueInfo;
  /** For maps and rate limiters. */
  map?: MapInfo;
  /** For pools. */
  pool?: PoolInfo;
  /** For an arena, which `list` shows. */
  arena?: ArenaInfo;
  /** Typecode of a value or an array; `'struct'` for structs. */
  type?: string;
  /** Elements of an array, messages of a queue. */
  length?: number;
}

/**
 * Looks at an object: who holds it, who waits for it, how much is in it. What it tells is as of some moments during the call.
 *
 * @param target an object of this package: a queue, a lock or another synchronisation object, a value, an array, a pool; or the
 *   name of one; or, of an anonymous one, its file as {@link list} tells it
 * @throws SystemError `ENOENT` if there is none with this name
 * @throws TypeError for anything else; ClosedError for an object that is closed in this process
 */
export function inspect(target: string | Inspectable): Inspection {
  attach();
  if (typeof target !== 'string') return inspectObject(target);
  const file = /^\(?([^()]*)\)?$/.exec(target)?.[1] ?? target;
  if (isAnonymousFile(file)) return inspectFile(file);
  const plain = checkName(target);
  // Before we open it, or we would be among the openers.
  const info = list(plain).find((each) => each.name === plain);
  const block = Block.open(plain);
  try {
    return { ...(info as ObjectInfo), ...describeBlock(block) };
  } finally {
    block.release();
  }
}

/** What {@link inspect} takes beside names: any shared object of this package, and pools. */
export type Inspectable = { close(): unknown };

function inspectObject(target: unknown): Inspection {
  const object = (target as { [blockOf]?(): Block } | null | undefined) ?? {};
  if (typeof object[blockOf] !== 'function') {
    throw new TypeError(`Expected the name of an object, or a shared object of this process, got ${describe(target)}`);
  }
  const block = object[blockOf]();
  const { segment, name = null } = block;
  const own =
    segment.fileName === '' ? undefined : list(name ?? undefined).find(({ file }) => file === segment.fileName);
  const small = own === undefined || own.kind === 'arena';
  const size = layout.blockHeaderSize + block.size;
  return {
    name,
    file: segment.fileName,
    size: own?.size ?? segment.size,
    memory: small ? size : own.memory,
    openers: own?.openers ?? [process.pid],
    creatorPid: own?.creatorPid ?? process.pid,
    createdMs: own?.createdMs ?? null,
    kind: isBoard(block) ? 'Pool' : (kindNames[block.kind] as string),
    ...describeBlock(block),
  };
}

/** An anonymous object, or the arena that has many. */
function inspectFile(file: string): Inspection {
  const info = list().find((each) => each.file === file);
  if (info === undefined) {
    const message = `ENOENT: there is no /dev/shm/${file}`;
    throw new SystemError(message, { code: 'ENOENT', errno: 2, syscall: 'open', path: file });
  }
  if (info.kind === 'arena') return { ...info, arena: { objects: arenaObjects(file) } };
  // Opening it would make this process one of its users, and what is in raw memory is the user's affair.
  return { ...info, ...glance(file) };
}

/**
 * Looks at all objects of this user, or at the named ones that start with `prefix`. What vanishes meanwhile is left out; of
 * anonymous and damaged ones there is only what can be read from outside.
 *
 * @internal
 */
export function inspectAll(prefix?: string): Inspection[] {
  attach();
  return list(prefix).flatMap((info) => {
    if (info.name === null) return [{ ...info, ...glance(info.file) }];
    if (info.kind === 'unknown') return [info];
    try {
      const block = Block.open(info.name);
      try {
        return [{ ...info, ...describeBlock(block) }];
      } finally {
        block.release();
      }
    } catch (error) {
      if (!(error instanceof MultiprocError)) throw error;
      return error.code === 'ENOENT' ? [] : [info];
    }
  });
}

function describeBlock(block: Block): Partial<Inspection> {
  if (isQueue(block.kind)) {
    const queue = queueInfoOf(block);
    return { length: queue.length, queue };
  }
  if (isMap(block.kind)) return { map: mapInfoOf(block) };
  if (isBoard(block)) return { pool: poolOn(block) };
  switch (block.kind) {
    case BlockKind.semaphore:
    case BlockKind.boundedSemaphore:
      return { semaphore: semaphoreInfo(block) };
    case BlockKind.barrier:
      return { barrier: barrierInfo(block) };
    case BlockKind.condition: {
      const waiting = native.conditionWaiting(block.segment.id, block.body);
      return { condition: { waiting }, ...(block.flags === 0 ? { lock: lockInfo(block) } : {}) };
    }
    case BlockKind.event:
      return { event: eventInfo(block) };
    case BlockKind.value:
      return { lock: lockInfo(block), type: nameOfType(block.type) };
    case BlockKind.array:
      return { lock: lockInfo(block), type: nameOfType(block.type), length: block.length };
    default:
      return { lock: lockInfo(block) };
  }
}

function isBoard({ kind, flags }: Block): boolean {
  return kind === BlockKind.array && flags === boardFlag;
}

function poolOn({ segment, body, length }: Block): PoolInfo {
  const bytes = length * 4;
  const buffer = segment.buffer(body + layout.dataOffset, bytes);
  const words = new Int32Array(buffer).slice();
  segment.detach(buffer);
  return poolOf(words, length);
}

function nameOfType(type: number): string {
  return (type & 0xff) === 0x53 ? 'struct' : String.fromCharCode(type);
}

function lockInfo(block: Block): LockInfo {
  const { words } = block.segment;
  const index = (block.body + layout.wordOffset) / 4;
  const word = Atomics.load(words, index);
  const owner = word & layout.ownerMask;
  const depth = words[(block.body + layout.depthOffset) / 4] ?? 0;
  return {
    holder: owner === 0 ? null : holderOf(owner),
    depth: owner === 0 ? 0 : Math.max(1, depth),
    ownerDied: (word & layout.dirty) !== 0,
    waiters: native.waitersFor(block.segment.id, block.body),
  };
}

function semaphoreInfo(block: Block): SemaphoreInfo {
  const { segment, body } = block;
  const waiters = native.waitersFor(segment.id, body);
  if ((block.flags & robustFlag) === 0) {
    const word = Atomics.load(segment.words, (body + layout.wordOffset) / 4);
    return { value: word & 0x7fffffff, robust: false, holders: [], waiters };
  }
  const table = (body + layout.tableOffset) / 4;
  const owners = Array.from(segment.words.subarray(table, table + block.length), (word) => word & layout.ownerMask);
  return {
    value: native.permitsFree(segment.id, body, block.length),
    robust: true,
    holders: owners.filter((owner) => owner !== 0).map(holderOf),
    waiters,
  };
}

function eventInfo({ segment, body }: Block): EventInfo {
  const word = Atomics.load(segment.words, (body + layout.wordOffset) / 4);
  return { set: (word & 1) !== 0, waiters: native.waitersFor(segment.id, body) };
}

function barrierInfo({ segment, body, length }: Block): BarrierInfo {
  const waiting = native.barrierWaiting(segment.id, body, length);
  const waiters = native.waitersFor(segment.id, body);
  return { parties: length, waiting: Math.max(waiting, 0), broken: waiting < 0, waiters };
}

/** @param owner a participant's id, from an owner word */
export function holderOf(owner: number): Holder {
  const { pid, alive } = native.participant(owner);
  return { pid, alive };
}
