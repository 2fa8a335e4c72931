/** Random bytes from the kernel. Not by node:crypto, which takes a process some milliseconds to load. */
import { Buffer } from 'node:buffer';
import { native } from '../native.js';

/** Returns an unpredictable number of 48 bits. */
export function randomNumber(): number {
  return randomBytes(6).readUIntBE(0, 6);
}

export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  native.fillRandom(bytes);
  return bytes;
}
