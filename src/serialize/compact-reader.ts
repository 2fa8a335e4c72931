/** Bytes in the compact form to plain data. Every length is checked against what is there before anything is made. */
import { hasReferences, Mark, maxDepth, type RawBuffer } from './compact-format.js';
import { damaged } from './handles.js';
import { type ObjectShape, shapeOfBlock, type ValueReader } from './key-blocks.js';
import { receivedBuffer } from './received.js';
import { bufferIndex, makeView } from './views.js';

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
/** Strings up to this length are made of single characters: it is quicker than a call. */
const maxLoop = 12;
const { fromCharCode } = String;

class CompactReader implements ValueReader {
  #bytes!: RawBuffer;
  #at = 0;
  #end = 0;
  #depth = 0;
  readonly #shapes: ObjectShape[] = [];
  #shapeCount = 0;
  /** Objects in the order in which they began, if the message refers to some of them. */
  #objects: object[] | undefined;

  /** Reads the message between `start`, where its tag is, and `end`. */
  read(bytes: RawBuffer, start: number, end: number): unknown {
    this.#bytes = bytes;
    this.#at = start + 2;
    this.#end = end;
    this.#depth = 0;
    this.#shapeCount = 0;
    this.#objects = ((bytes[start + 1] as number) & hasReferences) === 0 ? undefined : [];
    try {
      const value = this.value();
      if (this.#at !== end) throw damaged('its bytes and its content differ in length');
      return value;
    } finally {
      this.#objects = undefined;
    }
  }

  value(): unknown {
    if (this.#at >= this.#end) throw endsTooSoon();
    const mark = this.#bytes[this.#at++] as number;
    if (mark < 0x80) return mark;
    if (mark >= Mark.shortAscii) {
      if (mark < Mark.shortArray) return this.#ascii(mark & 31);
      if (mark < Mark.shortArray + 16) return this.#array(mark & 15);
    }
    switch (mark) {
      case Mark.null:
        return null;
      case Mark.undefined:
        return undefined;
      case Mark.false:
        return false;
      case Mark.true:
        return true;
      case Mark.int32:
        return this.#int32();
      case Mark.double:
        return this.#double();
      case Mark.newShape:
        return this.#object(this.#newShape());
      case Mark.shape:
        return this.#object(this.#knownShape());
      default:
        return this.#rarer(mark);
    }
  }

  #rarer(mark: number): unknown {
    switch (mark) {
      case Mark.ascii:
        return this.#longAscii(this.#length(1));
      case Mark.utf8:
        return this.#utf8(this.#length(1));
      case Mark.utf16:
        return this.#utf16(this.#length(1));
      case Mark.array:
        return this.#array(this.#length(1));
      case Mark.keyed:
        return this.#keyed(this.#length(2));
      case Mark.reference:
        return this.#reference();
      case Mark.int64:
        return this.#int64();
      case Mark.date:
        return this.#begin(new Date(this.#double()));
      case Mark.map:
        return this.#map(this.#length(2));
      case Mark.set:
        return this.#set(this.#length(1));
      case Mark.view:
        return this.#view();
      default:
        throw damaged(`no value has the mark ${mark}`);
    }
  }

  /** Skips `size` bytes and returns their position. */
  #advance(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw endsTooSoon();
    this.#at = at + size;
    return at;
  }

  /** The number of things that take at least `size` bytes each. */
  #length(size: number): number {
    const length = this.#varint();
    if (length * size > this.#end - this.#at) throw endsTooSoon();
    return length;
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#advance(1)] as number;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw damaged('a length in it is too long');
  }

  #int32(): number {
    const at = this.#advance(4);
    const bytes = this.#bytes;
    return (
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    );
  }

  #double(): number {
    const at = this.#advance(8);
    const bytes = this.#bytes;
    for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[at + i] as number;
    return double[0] as number;
  }

  #int64(): bigint {
    return this.#bytes.readBigInt64LE(this.#advance(8));
  }

  #ascii(length: number): string {
    if (length > maxLoop) return this.#longAscii(length);
    return shortString(this.#bytes, this.#advance(length), length);
  }

  #longAscii(length: number): string {
    const at = this.#advance(length);
    return this.#bytes.latin1Slice(at, at + length);
  }

  #utf8(length: number): string {
    const at = this.#advance(length);
    return this.#bytes.utf8Slice(at, at + length);
  }

  #utf16(length: number): string {
    if (length % 2 !== 0) throw damaged('a string in it ends within a unit');
    const at = this.#advance(length);
    return this.#bytes.ucs2Slice(at, at + length);
  }

  /** Numbers the object, if the message refers to objects. */
  #begin<T extends object>(object: T): T {
    this.#objects?.push(object);
    return object;
  }

  #reference(): object {
    const object = this.#objects?.[this.#varint()];
    if (object === undefined) throw damaged('a reference in it is to no object');
    return object;
  }

  #enter(): void {
    if (++this.#depth > maxDepth) throw damaged('it is nested too deeply');
  }

  #array(length: number): unknown[] {
    if (length > this.#end - this.#at) throw endsTooSoon();
    this.#enter();
    const array: unknown[] = this.#begin([]);
    for (let i = 0; i < length; i++) array.push(this.value());
    this.#depth--;
    return array;
  }

  #newShape(): ObjectShape {
    const length = this.#length(1);
    const at = this.#advance(length);
    const number = this.#shapeCount++;
    const shape = shapeOfBlock(this.#bytes, at, length, number);
    this.#shapes[number] = shape;
    return shape;
  }

  #knownShape(): ObjectShape {
    const number = this.#varint();
    if (number >= this.#shapeCount) throw damaged('an object in it has unknown keys');
    return this.#shapes[number] as ObjectShape;
  }

  #object(shape: ObjectShape): object {
    this.#enter();
    // A reference to the object may be within it: the object has to exist before its values.
    const object = this.#objects === undefined ? shape.read(this) : shape.fill(this.#begin(shape.blank()), this);
    this.#depth--;
    return object;
  }

  #keyed(length: number): object {
    this.#enter();
    const object: Record<string, unknown> = this.#begin({});
    for (let i = 0; i < length; i++) {
      const key = this.value();
      if (typeof key !== 'string') throw damaged('a key in it is no string');
      const value = this.value();
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      } else {
        object[key] = value;
      }
    }
    this.#depth--;
    return object;
  }

  #map(length: number): Map<unknown, unknown> {
    this.#enter();
    const map = this.#begin(new Map<unknown, unknown>());
    for (let i = 0; i < length; i++) {
      const key = this.value();
      map.set(key, this.value());
    }
    this.#depth--;
    return map;
  }

  #set(length: number): Set<unknown> {
    this.#enter();
    const set = this.#begin(new Set<unknown>());
    for (let i = 0; i < length; i++) set.add(this.value());
    this.#depth--;
    return set;
  }

  #view(): ArrayBufferView {
    const index = this.#bytes[this.#advance(1)] as number;
    const length = this.#length(1);
    const at = this.#advance(length);
    if (index !== bufferIndex) return this.#begin(makeView(index, this.#bytes.subarray(at, at + length)));
    const copy = receivedBuffer(length);
    this.#bytes.copy(copy, 0, at, at + length);
    return this.#begin(copy);
  }
}

const reader = new CompactReader();

/**
 * Reads a message of the compact form, whose tag is at `start`. No code of the program runs meanwhile, and bytes that
 * change meanwhile give a wrong value or an error.
 *
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE`
 */
export function readCompact(bytes: Buffer, start: number, end: number): unknown {
  if (end - start < 3) throw endsTooSoon();
  return reader.read(bytes as RawBuffer, start, end);
}

function endsTooSoon() {
  return damaged('it ends too soon');
}

function shortString(b: Uint8Array, at: number, length: number): string {
  const c = (i: number) => b[at + i] as number;
  switch (length) {
    case 0:
      return '';
    case 1:
      return fromCharCode(c(0));
    case 2:
      return fromCharCode(c(0), c(1));
    case 3:
      return fromCharCode(c(0), c(1), c(2));
    case 4:
      return fromCharCode(c(0), c(1), c(2), c(3));
    case 5:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4));
    case 6:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5));
    case 7:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6));
    case 8:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7));
    case 9:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7), c(8));
    case 10:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7), c(8), c(9));
    case 11:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7), c(8), c(9), c(10));
    default:
      return fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7), c(8), c(9), c(10), c(11));
  }
}
