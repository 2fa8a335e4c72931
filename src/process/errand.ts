/**
 * The exchange between a process and a child: the message with the work, the answer with the result, and their ends. It
 * uses three descriptors, made by the parent; neither side ever waits for the other.
 */
import { ftruncateSync, readSync, writeSync } from 'node:fs';
import { native } from '../native.js';

/** The descriptors of one exchange in this process. */
export interface Errand {
  /** A file in memory: first the message, for the child; then the answer, for the parent. */
  readonly memory: number;
  /** An eventfd, which becomes readable with the answer. */
  readonly notice: number;
  /** A pidfd of the process that made the child: readable once that has ended. */
  readonly creator: number;
  /** The child is a thread of the parent's process: it uses the parent's own descriptors, which the parent closes. */
  readonly shared?: boolean | undefined;
}

/** How a target settled, as in the answer. */
export const Outcome = { returned: 1, threw: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** A child's answer at the end of its work. */
export interface Answer {
  readonly outcome: Outcome;
  /** The serialised value or error. */
  readonly bytes: Buffer;
  /** Whether it contains shared objects, which the creator keeps until it is deserialised or discarded. */
  readonly keeps: boolean;
}

/** The first word of a message; those of answers are outcomes. */
const messageMark = 0;
/** Added to an outcome. */
const keepsFlag = 4;
const headerSize = 16;
/** Upper bound on bytes for one call: Node and the kernel take less than 2 GiB. */
const maxTransfer = 2 ** 30;
/** Bytes of the first read: it covers the header and most messages. */
const firstRead = 4096;

/**
 * Makes the parent's side, with the message's bytes in pieces; without a message for a child that has the work in its
 * memory.
 */
export function makeErrand(message: readonly Buffer[] | undefined): Errand {
  const opened: number[] = [];
  const keep = (fd: number) => {
    opened.push(fd);
    native.fdOwn(fd);
    return fd;
  };
  try {
    const memory = keep(native.memoryFile('multiproc:errand'));
    if (message !== undefined) writeMarked(memory, messageMark, message);
    return { memory, notice: keep(native.noticeFile()), creator: keep(native.processFile(native.currentPid())) };
  } catch (error) {
    for (const fd of opened) native.fdClose(fd);
    throw error;
  }
}

/** Closes this process's descriptors. */
export function closeErrand({ memory, notice, creator }: Errand): void {
  for (const fd of [memory, notice, creator]) native.fdClose(fd);
}

/** Closes the child's side for answers. Its parent observes its end otherwise. */
export function leaveErrand({ memory, notice, shared }: Errand): void {
  if (shared) return;
  native.fdClose(memory);
  native.fdClose(notice);
}

/** Reads the child's message; returns `undefined` once the child has claimed it. */
export function readMessage({ memory }: Errand): Buffer | undefined {
  const marked = readMarked(memory);
  return marked?.mark === messageMark ? marked.bytes : undefined;
}

/** Claims the message for the child, which is about to restore it. Frees the memory. */
export function claimMessage({ memory }: Errand): void {
  ftruncateSync(memory, 0);
}

/** Writes the child's answer, and wakes a parent that waits for it. */
export function writeAnswer({ memory, notice }: Errand, { outcome, bytes, keeps }: Answer): void {
  ftruncateSync(memory, 0);
  writeMarked(memory, keeps ? outcome | keepsFlag : outcome, [bytes]);
  raiseNotice(notice);
}

/** Makes an eventfd readable. */
export function raiseNotice(notice: number): void {
  const one = Buffer.alloc(8);
  one.writeBigUInt64LE(1n);
  writeSync(notice, one);
}

/** Reads the answer in the parent; returns `undefined` if there is none (yet). */
export function readAnswer({ memory }: Errand): Answer | undefined {
  const marked = readMarked(memory);
  if (marked === undefined || marked.mark === messageMark) return undefined;
  const { mark, bytes } = marked;
  return { outcome: (mark & ~keepsFlag) as Outcome, bytes, keeps: (mark & keepsFlag) !== 0 };
}

// The header goes last: a reader ignores a partial message.
function writeMarked(memory: number, mark: number, pieces: readonly Buffer[]): void {
  let length = 0;
  for (const piece of pieces) {
    writeAt(memory, piece, headerSize + length);
    length += piece.length;
  }
  const header = Buffer.alloc(headerSize);
  header.writeUInt32LE(mark, 0);
  header.writeDoubleLE(length, 8);
  writeAt(memory, header, 0);
}

function readMarked(memory: number): { mark: number; bytes: Buffer } | undefined {
  const start = Buffer.allocUnsafeSlow(firstRead);
  const size = readSync(memory, start, 0, firstRead, 0);
  // The other side may empty the memory at any time: a partial message counts as none.
  if (size < headerSize) return undefined;
  const length = start.readDoubleLE(8);
  // A message has at least its tag.
  if (length === 0) return undefined;
  const end = headerSize + length;
  const bytes = end <= size ? start.subarray(headerSize, end) : readAt(memory, headerSize, length);
  return bytes && { mark: start.readUInt32LE(0), bytes };
}

function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, maxTransfer), position + done);
  }
}

function readAt(fd: number, position: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, Math.min(length - done, maxTransfer), position + done);
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}
