/** What one named object is doing: who holds it, who waits for it, how deep, how many permits are left. */

import { MultiprocError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { layout, native } from '../native.js';
import { Block, BlockKind, isQueue, robustFlag } from './block.js';
import { glance, messagesIn, type PoolInfo } from './glance.js';
import { list, type ObjectInfo } from './listing.js';
import { checkName } from './names.js';

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
  /** For the board of a pool. */
  pool?: PoolInfo;
  /** Typecode of a value or an array; `'struct'` for structs. */
  type?: string;
  /** Elements of an array, messages of a queue. */
  length?: number;
}

/**
 * Looks at the named object.
 *
 * @throws SystemError `ENOENT`
 */
export function inspect(name: string): Inspection {
  attach();
  const plain = checkName(name);
  // Before we open it, or we would be among the openers.
  const info = list(plain).find((each) => each.name === plain);
  const block = Block.open(plain);
  try {
    return { ...(info as ObjectInfo), ...describeBlock(block) };
  } finally {
    block.release();
  }
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
  if (isQueue(block.kind)) return { length: messagesIn(block.segment.words, (block.body + layout.ringOffset) / 4) };
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

function holderOf(owner: number): Holder {
  const { pid, alive } = native.participant(owner);
  return { pid, alive };
}
