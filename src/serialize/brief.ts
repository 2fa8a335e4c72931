/** The bytes of values that are their tag and a few bytes more, without new memory for each. */
import { Buffer } from 'node:buffer';
import { Tag } from './tags.js';

const bare = Buffer.alloc(1);
const byte = Buffer.from([Tag.int8, 0]);
const word = Buffer.from([Tag.int32, 0, 0, 0, 0]);
const double = Buffer.from([Tag.double, 0, 0, 0, 0, 0, 0, 0, 0]);

/**
 * Encodes a number, a boolean, null or undefined as `serialize` does; returns `undefined` for other values. The next
 * call overwrites the bytes: copy them at once.
 */
export function serializeBriefly(value: unknown): Buffer | undefined {
  switch (typeof value) {
    case 'number':
      return writeNumber(value);
    case 'boolean':
      bare[0] = value ? Tag.true : Tag.false;
      return bare;
    case 'undefined':
      bare[0] = Tag.undefined;
      return bare;
    default:
      if (value !== null) return undefined;
      bare[0] = Tag.null;
      return bare;
  }
}

function writeNumber(value: number): Buffer {
  if ((value | 0) !== value || Object.is(value, -0)) {
    double.writeDoubleLE(value, 1);
    return double;
  }
  if ((value << 24) >> 24 === value) {
    byte[1] = value;
    return byte;
  }
  word.writeInt32LE(value, 1);
  return word;
}
