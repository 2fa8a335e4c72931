/**
 * Writes frames, one behind the other, into memory that is used again. Many frames leave in parts, each a message of its own:
 * no message is much longer than the longest frame in it.
 */
import { Buffer } from 'node:buffer';
import { serialize } from '../../serialize/codec.js';
import { Tag } from '../../serialize/tags.js';
import { afterCreation, together, whole } from './frame.js';

const nothing = Buffer.alloc(0);
const firstSize = 16 * 1024;
/** A buffer that grew beyond this is not kept. */
const keptSize = 256 * 1024;
/** Up to this length a loop is quicker than a call. */
const shortText = 24;
const mostUnits = 3;
/** A part that is this long ends with the frame. */
const partSize = 32 * 1024;

export class FrameWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(firstSize);
  /** Where the bytes begin that have not left, and where they end. */
  #start = 0;
  #length = 0;
  /** Where parts end that others follow. */
  readonly #cuts: number[] = [];
  #lastCut = 0;
  /** Somebody else has bytes of it. */
  #isLent = false;

  /** How many bytes have not left. */
  get length(): number {
    return this.#length - this.#start;
  }

  /** The part that leaves next. It changes with the next write, unless {@link detach} is called. */
  get part(): Buffer {
    return this.#bytes.subarray(this.#start, this.#cuts[0] ?? this.#length);
  }

  /** What was written since the length was this. */
  since(length: number): Buffer {
    return this.#bytes.subarray(this.#start + length, this.#length);
  }

  /** The part has left: its room may be used again. */
  clear(): void {
    if (this.#cuts.length > 0) this.#start = this.#cuts.shift() as number;
    else this.#renew(this.#isLent || this.#bytes.length > keptSize);
  }

  /** The part is somebody else's from now on. */
  detach(): void {
    this.#isLent = true;
    this.clear();
  }

  /** Nothing will be written any more. */
  close(): void {
    this.#renew(true);
    this.#bytes = nothing;
  }

  /** Takes back what was written since the length was this. */
  cutTo(length: number): void {
    this.#length = this.#start + length;
  }

  /** A frame that was written before. */
  frame(bytes: Uint8Array): void {
    this.#endPart();
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  begin(kind: number, call: number): void {
    this.#endPart();
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
    if (values.length >= afterCreation) return false;
    const { length } = this;
    this.byte(values.length);
    for (const value of values) {
      if (this.scalar(value)) continue;
      this.cutTo(length);
      return false;
    }
    return true;
  }

  /**
   * @param awaited lists, once the arguments are serialized, the calls that make objects among them
   * @throws TypeError for an argument that cannot travel, naming its path
   */
  arguments(values: readonly unknown[], awaited: () => readonly number[]): void {
    const bytes = serialize(values, 'args');
    const numbers = awaited();
    if (numbers.length === 0) {
      this.byte(together);
    } else {
      this.#reserve(5 + numbers.length * 4);
      this.#bytes[this.#length] = afterCreation;
      this.#length = this.#bytes.writeUInt32LE(numbers.length, this.#length + 1);
      for (const number of numbers) this.#length = this.#bytes.writeUInt32LE(number, this.#length);
    }
    this.#writeBytes(bytes);
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
    this.#writeBytes(serialize(value, root));
  }

  #writeBytes(bytes: Buffer): void {
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

  #endPart(): void {
    if (this.#length - this.#lastCut < partSize) return;
    this.#lastCut = this.#length;
    this.#cuts.push(this.#length);
  }

  #renew(anew: boolean): void {
    this.#start = 0;
    this.#length = 0;
    this.#lastCut = 0;
    this.#cuts.length = 0;
    this.#isLent = false;
    if (anew) this.#bytes = Buffer.allocUnsafeSlow(firstSize);
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const { length } = this;
    const larger = Buffer.allocUnsafeSlow(Math.max(length + size, length * 2, firstSize));
    this.#bytes.copy(larger, 0, this.#start, this.#length);
    this.#bytes = larger;
    this.#isLent = false;
    for (let i = 0; i < this.#cuts.length; i++) this.#cuts[i] = (this.#cuts[i] as number) - this.#start;
    this.#lastCut -= this.#start;
    this.#length = length;
    this.#start = 0;
  }
}

function isWellFormed(value: string): boolean {
  return (value as unknown as { isWellFormed(): boolean }).isWellFormed();
}
