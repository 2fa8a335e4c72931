/**
 * The lock of a named condition, recorded behind its words: every program that opens the condition gets the same one.
 */
import { Buffer } from 'node:buffer';
import { layout } from '../native.js';
import { type Block, givenLockFlag, mismatch, unusable } from '../shared/block.js';
import { Lock } from './lock.js';
import { RLock } from './rlock.js';

/** The kind and the name's length, one byte each, and the name. */
const size = 2 + 200;

/** Bytes of a condition's body without a lock of its own. */
export const carryingSize: number = layout.conditionOffset + layout.conditionSize + size;

/** Codes of the kinds of locks; 0 for a condition without a name, whose lock needs none. */
const kinds = [undefined, Lock, RLock] as const;

/** Writes down the lock of a new condition. */
export function carry(block: Block, lock: Lock | RLock): void {
  if (lock.name === undefined) return;
  withBytes(block, (bytes) => {
    bytes[0] = kinds.indexOf(classOf(lock));
    bytes[1] = bytes.write(lock.name as string, 2, 'latin1');
  });
}

/**
 * The lock that the condition was made with, opened by its name.
 *
 * @throws SystemError `ENOENT` if the lock's name was removed
 */
export function carriedLock(block: Block): Lock | RLock {
  const { kind, name } = read(block);
  if (kind === undefined) throw unusable(block.segment, 'the condition in it says nothing about its lock');
  return kind.open(name);
}

/** @throws MultiprocError `ERR_MULTIPROC_KIND` for another lock than the condition was made with */
export function checkCarried(block: Block, lock: Lock | RLock): void {
  const { kind, name } = read(block);
  if (kind === classOf(lock) && name === lock.name) return;
  const theirs = (block.flags & givenLockFlag) === 0 ? 'of its own' : describe(kind, name);
  mismatch(block, 'a lock', describe(classOf(lock), lock.name), theirs);
}

function classOf(lock: Lock | RLock): typeof Lock | typeof RLock {
  return lock instanceof Lock ? Lock : RLock;
}

function describe(kind: typeof Lock | typeof RLock | undefined, name: string | undefined): string {
  return `${kind?.name} '${name}'`;
}

function read(block: Block): { kind: typeof Lock | typeof RLock | undefined; name: string } {
  if (block.size < carryingSize) return { kind: undefined, name: '' };
  return withBytes(block, (bytes) => ({
    kind: kinds[bytes[0] as number],
    name: bytes.toString('latin1', 2, 2 + (bytes[1] as number)),
  }));
}

function withBytes<T>({ segment, body }: Block, use: (bytes: Buffer) => T): T {
  const buffer = segment.buffer(body + carryingSize - size, size);
  try {
    return use(Buffer.from(buffer));
  } finally {
    segment.detach(buffer);
  }
}
