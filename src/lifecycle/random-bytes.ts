/** Random bytes from the kernel. Not by node:crypto, which takes a process some milliseconds to load. */
import { Buffer } from 'node:buffer';
import { native } from '../native.js';

export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  native.fillRandom(bytes);
  return bytes;
}
