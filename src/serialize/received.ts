/** Memory for the bytes that are received. */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { native } from '../native.js';

/** Messages from `least` to `most` bytes lie side by side in pieces of `piece` bytes. */
const least = 512;
const most = 4096;
const piece = 32 * 1024;

/** From here on a message's memory is large enough for malloc to give it back to the kernel at once. */
const large = 32 * 1024;

let current = Buffer.alloc(0);
let used = 0;
let isPrepared = false;

/**
 * A Buffer with something of no consequence in it. It may share memory with others, as Buffers do: below 512 bytes with
 * those of Node's pool, up to 4 KiB with up to 63 further messages; larger ones have memory of their own.
 */
export function receivedBuffer(length: number): Buffer {
  if (length < least) return Buffer.allocUnsafe(length);
  return length <= most ? pooled(length) : ownBuffer(length);
}

/** Returns a Buffer with memory of its own, at any size. */
export function ownBuffer(length: number): Buffer {
  if (length >= large && !isPrepared) {
    isPrepared = true;
    native.keepFreedMemory();
  }
  return Buffer.allocUnsafeSlow(length);
}

function pooled(length: number): Buffer {
  if (used + length > current.length) {
    current = Buffer.allocUnsafeSlow(piece);
    // Whoever transferred it would take the others' memory away.
    markAsUntransferable(current.buffer);
    used = 0;
  }
  const buffer = Buffer.from(current.buffer, used, length);
  // Some read a Buffer's memory through views of larger elements.
  used += (length + 7) & ~7;
  return buffer;
}
