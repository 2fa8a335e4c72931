/**
 * Frames: what a client and a server tell each other, as bytes. A message holds any number of them, one after the other.
 *
 *     client to server                              server to client
 *     call     call, object, method, arguments      value      call, value
 *     create   call, typeid, arguments              thrown     call, error that the object threw
 *     cancel   call                                 failed     call, text: the server could not do it
 *     release  object, how many references          cancelled  call
 *     claim    object, transit
 *     lend     object, transit
 *     withdraw object, transit
 *     ask      call, question
 *
 * Numbers are little-endian: a byte for the kind of frame and 4 bytes for the number of the call, 8 for an object (a
 * double) and for a transit. Texts are a length (4 bytes) and UTF-8. A value begins with a tag of the codec: small ones
 * are written here, the rest is a length and what `serialize` makes.
 */
import { Buffer } from 'node:buffer';
import { MultiprocError } from '../errors.js';
import { deserialize, serialize } from '../serialize/codec.js';
import { Tag } from '../serialize/tags.js';

export const Request = {
  call: 1,
  create: 2,
  cancel: 3,
  release: 4,
  claim: 5,
  lend: 6,
  withdraw: 7,
  ask: 8,
} as const;

export const Reply = { value: 1, thrown: 2, failed: 3, cancelled: 4 } as const;

/** What `ask` asks for. */
export const Question = { shutdown: 1, objects: 2, debug: 3 } as const;

/** A value that `serialize` wrote: its length and its bytes follow. */
const whole = 64;

/** The arguments are one array, as objects in them may refer to each other. */
const together = 255;

const firstSize = 16 * 1024;
/** A buffer that grew beyond this is not kept. */
const keptSize = 256 * 1024;
/** Longer strings are left to the codec. */
const longString = 4096;

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
    this.#reserve(4 + text.length * 3);
    const size = this.#bytes.write(text, this.#length + 4, 'utf8');
    this.#bytes.writeUInt32LE(size, this.#length);
    this.#length += 4 + size;
  }

  /** @throws TypeError for an argument that cannot travel, naming its path */
  arguments(values: readonly unknown[]): void {
    const simple = values.length < together && values.every(isSimple);
    this.byte(simple ? values.length : together);
    if (simple) for (const value of values) this.value(value, '');
    else this.value(values, 'args');
  }

  /** @throws TypeError for what cannot travel, naming its path */
  value(value: unknown, root: string): void {
    if (this.#writeSmall(value)) return;
    const bytes = serialize(value, root);
    this.#reserve(5 + bytes.length);
    this.#bytes[this.#length] = whole;
    this.#bytes.writeUInt32LE(bytes.length, this.#length + 1);
    this.#bytes.set(bytes, this.#length + 5);
    this.#length += 5 + bytes.length;
  }

  /** False for what only the codec can write. */
  #writeSmall(value: unknown): boolean {
    if (typeof value === 'number') this.#writeNumber(value);
    else if (typeof value === 'string') return value.length <= longString && this.#writeString(value);
    else if (value === undefined) this.byte(Tag.undefined);
    else if (value === null) this.byte(Tag.null);
    else if (typeof value === 'boolean') this.byte(value ? Tag.true : Tag.false);
    else return false;
    return true;
  }

  #writeNumber(value: number): void {
    this.#reserve(9);
    const isInteger = (value | 0) === value && !Object.is(value, -0);
    this.#bytes[this.#length] = isInteger ? Tag.int32 : Tag.double;
    if (isInteger) this.#bytes.writeInt32LE(value, this.#length + 1);
    else this.#bytes.writeDoubleLE(value, this.#length + 1);
    this.#length += isInteger ? 5 : 9;
  }

  /** False if it is not ASCII. */
  #writeString(value: string): boolean {
    this.#reserve(5 + value.length * 3);
    const at = this.#length;
    if (this.#bytes.write(value, at + 5, 'utf8') !== value.length) return false;
    this.#bytes[at] = Tag.ascii;
    this.#bytes.writeUInt32LE(value.length, at + 1);
    this.#length = at + 5 + value.length;
    return true;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + size, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Such values are written one by one: no object among them can be in another one. */
function isSimple(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function';
}

/** @throws MultiprocError `ERR_MULTIPROC_MESSAGE` for what {@link FrameWriter} did not write */
export class FrameReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#move(1)] as number;
  }

  integer(): number {
    return this.#bytes.readUInt32LE(this.#move(4));
  }

  number(): number {
    return this.#bytes.readDoubleLE(this.#move(8));
  }

  text(): string {
    const size = this.integer();
    const at = this.#move(size);
    return this.#bytes.toString('utf8', at, at + size);
  }

  /** The bytes of arguments, to be read by {@link readArguments} once it is known who asks for what. */
  arguments(): () => unknown[] {
    const start = this.#at;
    const count = this.byte();
    if (count === together) {
      this.#skip();
    } else {
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(this.value());
      return () => values;
    }
    const copy = new FrameReader(Buffer.from(this.#bytes.subarray(start + 1, this.#at)));
    return () => {
      const values = copy.value();
      if (!Array.isArray(values)) throw broken('its arguments are none');
      return values;
    };
  }

  value(): unknown {
    const tag = this.byte();
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.false:
        return false;
      case Tag.true:
        return true;
      case Tag.int32:
        return this.#bytes.readInt32LE(this.#move(4));
      case Tag.double:
        return this.number();
      case Tag.ascii: {
        const size = this.integer();
        const at = this.#move(size);
        return this.#bytes.toString('latin1', at, at + size);
      }
      case whole: {
        const size = this.integer();
        const at = this.#move(size);
        return read(this.#bytes.subarray(at, at + size));
      }
      default:
        throw broken(`no value has the tag ${tag}`);
    }
  }

  #skip(): void {
    const tag = this.byte();
    if (tag !== whole) throw broken('its arguments are none');
    this.#move(this.integer());
  }

  #move(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw broken('it ends too soon');
    this.#at = at + size;
    return at;
  }
}

/** A value in a frame that is whole, but cannot be read here. */
export class Unreadable extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super('A value cannot be read');
    this.reason = reason;
  }
}

function read(bytes: Buffer): unknown {
  try {
    return deserialize(bytes);
  } catch (error) {
    throw new Unreadable(error);
  }
}

function broken(reason: string): MultiprocError {
  return new MultiprocError(`A manager and its client do not understand each other: a message is damaged, ${reason}`, {
    code: 'ERR_MULTIPROC_MESSAGE',
  });
}
