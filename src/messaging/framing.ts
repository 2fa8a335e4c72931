/**
 * How a message lies in a stream of bytes, the same as CPython's: a length of 4 bytes, big-endian and signed, then the
 * message; for more than 2,147,483,647 bytes the length is −1, and 8 bytes with the real one follow.
 */
import { Buffer } from 'node:buffer';

/** Bytes of the length, and of the one behind it. */
export const shortHeader = 4;
export const longHeader = 12;

const largestShort = 0x7fffffff;

/** What goes before a message of this many bytes. */
export function headerFor(length: number): Uint8Array {
  if (length <= largestShort) {
    const header = Buffer.allocUnsafe(shortHeader);
    header.writeInt32BE(length);
    return header;
  }
  const header = Buffer.allocUnsafe(longHeader);
  header.writeInt32BE(-1);
  header.writeBigUInt64BE(BigInt(length), shortHeader);
  return header;
}

/**
 * Reads the header as far as it is there.
 *
 * @returns the message's length; `undefined` if the header has {@link longHeader} bytes and they are not there; NaN for
 *   what no header says
 */
export function lengthIn(header: Buffer, have: number): number | undefined {
  const short = header.readInt32BE();
  if (short >= 0) return short;
  if (short !== -1) return Number.NaN;
  return have < longHeader ? undefined : Number(header.readBigUInt64BE(shortHeader));
}
