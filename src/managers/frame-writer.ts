/** Writes frames, one behind the other, into memory that is used again. */
import { Buffer } from 'node:buffer';
import { serialize } from '../serialize/codec.js';
import { Tag } from '../serialize/tags.js';
import { together, whole } from './frames.js';

const firstSize = 16 * 1024;
/** A buffer that grew beyond this is not kept. */
const keptSize = 256 * 1024;
/** Up to this length a loop is quicker than a call. */
const shortText = 24;
const mostUnits = 3;

export class FrameWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(firstSize);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written. It changes with the next write, unless {@link detach} is called. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The bytes have left: the room may be used again. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > keptSize) this.#bytes = Buffer.allocUnsafeSlow(firstSize);
  }

  /** The bytes are somebody else's from now on. */
  detach(): void {
    this.#bytes = Buffer.allocUnsafeSlow(firstSize);
    this.#length = 0;
  }

  /** Takes back what was written since the length was this. */
  cutTo(length: number): void {
    this.#length = length;
  }

  begin(kind: number, call: number): void {
    this.#reserve(5);
    this.#bytes[this.#length] = kind;
    this.#bytes.writeUInt32LE(call, this.#length + 1);
    this.#length += 5;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  number(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  text(text: string): void {
    this.#reserve(4 + text.length * mostUnits);
    const at = this.#length;
    const size = this.#writeShort(text, at + 4) ? text.length : this.#bytes.write(text, at + 4, 'utf8');
    this.#bytes.writeUInt32LE(size, at);
    this.#length = at + 4 + size;
  }

  /** Writes arguments that are scalars. False, and nothing is written, for others. */
  scalars(values: readonly unknown[]): boolean {
    if (values.length >= together) return false;
    const start = this.#length;
    this.byte(values.length);
    for (const value of values) {
      if (this.scalar(value)) continue;
      this.#length = start;
      return false;
    }
    return true;
  }

  /** @throws TypeError for an argument that cannot travel, naming its path */
  arguments(values: readonly unknown[]): void {
    this.byte(together);
    this.#writeWhole(values, 'args');
  }

  /** @throws TypeError for what cannot travel, naming its path */
  value(value: unknown, root: string): void {
    if (!this.scalar(value)) this.#writeWhole(value, root);
  }

  /** Writes a scalar. False for what only the codec can write. */
  scalar(value: unknown): boolean {
    switch (typeof value) {
      case 'number':
        this.#writeNumber(value);
        return true;
      case 'string':
        return this.#writeString(value);
      case 'undefined':
        this.byte(Tag.undefined);
        return true;
      case 'boolean':
        this.byte(value ? Tag.true : Tag.false);
        return true;
      default:
        if (value !== null) return false;
        this.byte(Tag.null);
        return true;
    }
  }

  #writeWhole(value: unknown, root: string): void {
    const bytes = serialize(value, root);
    this.#reserve(5 + bytes.length);
    this.#bytes[this.#length] = whole;
    this.#bytes.writeUInt32LE(bytes.length, this.#length + 1);
    this.#bytes.set(bytes, this.#length + 5);
    this.#length += 5 + bytes.length;
  }

  #writeNumber(value: number): void {
    this.#reserve(9);
    const isInteger = (value | 0) === value && !Object.is(value, -0);
    this.#bytes[this.#length] = isInteger ? Tag.int32 : Tag.double;
    if (isInteger) this.#bytes.writeInt32LE(value, this.#length + 1);
    else this.#bytes.writeDoubleLE(value, this.#length + 1);
    this.#length += isInteger ? 5 : 9;
  }

  /** False for half a surrogate pair, which UTF-8 has no bytes for. */
  #writeString(value: string): boolean {
    this.#reserve(5 + value.length * mostUnits);
    const at = this.#length;
    let size = value.length;
    let tag: number = Tag.ascii;
    if (!this.#writeShort(value, at + 5)) {
      size = this.#bytes.write(value, at + 5, 'utf8');
      if (size !== value.length) {
        if (!isWellFormed(value)) return false;
        tag = Tag.utf8;
      }
    }
    this.#bytes[at] = tag;
    this.#bytes.writeUInt32LE(size, at + 1);
    this.#length = at + 5 + size;
    return true;
  }

  /** False if it is long, or not ASCII. */
  #writeShort(text: string, at: number): boolean {
    if (text.length > shortText) return false;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) return false;
      this.#bytes[at + i] = unit;
    }
    return true;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + size, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function isWellFormed(value: string): boolean {
  return (value as unknown as { isWellFormed(): boolean }).isWellFormed();
}
