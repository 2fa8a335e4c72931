/** Plain data to bytes, in the compact form: written into one scratch buffer per thread, from where callers copy. */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { hasReferences, Mark, maxDepth, maxShortArray, maxShortAscii, type RawBuffer } from './compact-format.js';
import { type KeyNode, KeySequences, type Shape, shapeOf } from './key-sequences.js';
import { Tag } from './tags.js';
import { bytesOfView, viewIndex } from './views.js';

const firstScratch = 16 * 1024;
/** Larger messages are structured clones: V8 writes those no slower. */
const maxScratch = 1024 * 1024;
/** Objects that are compared one by one; from then on a Map finds those that appear again. */
const maxListed = 8;
/** Strings up to this length are written character by character: it is quicker than a call. */
const maxLoop = 24;

const { prototype: objectPrototype } = Object;
const { prototype: arrayPrototype } = Array;
const empty = {};
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

class CompactWriter {
  bytes = Buffer.allocUnsafeSlow(firstScratch) as RawBuffer;
  /** The same memory. */
  words = new Int32Array(this.bytes.buffer);
  #at = 0;
  #depth = 0;
  #isBusy = false;
  #message = 0;
  #shapeCount = 0;
  #flags = 0;
  readonly #keys = new KeySequences();
  /** Values of the objects that are being written. */
  readonly #values: unknown[] = [];
  #valueCount = 0;
  /** The objects of this message, in the order in which they began. */
  readonly #seen: object[] = [];
  #seenCount = 0;
  #numbers: Map<object, number> | undefined;

  /** The length of the message in `bytes`; 0 if the value has no compact form. */
  write(value: object): number {
    // A getter of the value may write a message itself.
    if (this.#isBusy) return 0;
    this.#isBusy = true;
    try {
      this.#begin();
      return isPrototypeClean() && this.#object(value) ? this.#end() : 0;
    } finally {
      this.#forget();
      this.#isBusy = false;
    }
  }

  #begin(): void {
    this.#at = 2;
    this.#depth = 0;
    this.#flags = 0;
    this.#shapeCount = 0;
    this.#message++;
  }

  #end(): number {
    this.bytes[0] = Tag.compact;
    this.bytes[1] = this.#flags;
    return this.#at;
  }

  /** Keeps no object alive. */
  #forget(): void {
    for (let i = 0; i < this.#seenCount && i <= maxListed; i++) this.#seen[i] = empty;
    this.#seenCount = 0;
    this.#numbers = undefined;
    // Left by an error or an object without a compact form.
    if (this.#valueCount > 0) this.#values.length = 0;
    this.#valueCount = 0;
  }

  #value(value: unknown): boolean {
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        return this.#number(value);
      case 'boolean':
        return this.#mark(value ? Mark.true : Mark.false);
      case 'undefined':
        return this.#mark(Mark.undefined);
      case 'object':
        return value === null ? this.#mark(Mark.null) : this.#object(value);
      case 'bigint':
        return this.#bigint(value);
      default:
        return false;
    }
  }

  #mark(mark: number): boolean {
    if (!this.#reserve(1)) return false;
    this.bytes[this.#at++] = mark;
    return true;
  }

  #number(value: number): boolean {
    if (!this.#reserve(9)) return false;
    const { bytes } = this;
    let at = this.#at;
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 128) {
        bytes[at] = value;
        this.#at = at + 1;
        return true;
      }
      bytes[at] = Mark.int32;
      bytes[at + 1] = value;
      bytes[at + 2] = value >> 8;
      bytes[at + 3] = value >> 16;
      bytes[at + 4] = value >> 24;
      this.#at = at + 5;
      return true;
    }
    bytes[at++] = Mark.double;
    this.#at = at;
    this.#double(value);
    return true;
  }

  /** Precondition: there is room. */
  #double(value: number): void {
    const { bytes } = this;
    const at = this.#at;
    double[0] = value;
    for (let i = 0; i < 8; i++) bytes[at + i] = doubleBytes[i] as number;
    this.#at = at + 8;
  }

  #bigint(value: bigint): boolean {
    if (BigInt.asIntN(64, value) !== value || !this.#reserve(9)) return false;
    this.bytes[this.#at] = Mark.int64;
    this.bytes.writeBigInt64LE(value, this.#at + 1);
    this.#at += 9;
    return true;
  }

  #string(text: string): boolean {
    const { length } = text;
    if (length > maxLoop) return this.#longString(text);
    if (!this.#reserve(1 + length)) return false;
    const { bytes } = this;
    const start = this.#at + 1;
    let all = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      bytes[start + i] = code;
    }
    if (all >= 0x80) return this.#longString(text);
    bytes[start - 1] = Mark.shortAscii | length;
    this.#at = start + length;
    return true;
  }

  #longString(text: string): boolean {
    const { length } = text;
    // Three bytes of UTF-8 for a unit of UTF-16, at most.
    if (length * 3 > maxScratch || !this.#reserve(6 + length * 3)) return false;
    // The length goes before the bytes, and takes no more than that of the longest form.
    const room = varintSize(length * 3);
    const start = this.#at + 1 + room;
    const { bytes } = this;
    let written = bytes.utf8Write(text, start, length * 3);
    let mark: number = Mark.utf8;
    if (written === length) {
      mark = Mark.ascii;
    } else if (!isWellFormed(text)) {
      mark = Mark.utf16;
      written = bytes.ucs2Write(text, start, length * 2);
    }
    if (mark === Mark.ascii && length <= maxShortAscii) {
      bytes[this.#at] = Mark.shortAscii | length;
      bytes.copyWithin(this.#at + 1, start, start + length);
      this.#at += 1 + length;
      return true;
    }
    bytes[this.#at] = mark;
    this.#paddedVarint(this.#at + 1, written, room);
    this.#at = start + written;
    return true;
  }

  /** A varint in exactly so many bytes. */
  #paddedVarint(at: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) {
      this.bytes[at + i] = (value & 127) | (i < size - 1 ? 128 : 0);
      value >>>= 7;
    }
  }

  /** Precondition: there is room for five bytes. */
  #varint(value: number): void {
    while (value >= 128) {
      this.bytes[this.#at++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.#at++] = value;
  }

  #object(value: object): boolean {
    const before = this.#numberOf(value);
    if (before !== -1) return this.#reference(before);
    if (types.isProxy(value) || this.#depth === maxDepth) return false;
    this.#depth++;
    const written = this.#content(value);
    this.#depth--;
    return written;
  }

  #content(value: object): boolean {
    if (Array.isArray(value)) return Object.getPrototypeOf(value) === arrayPrototype && this.#array(value);
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === objectPrototype) return this.#properties(value as Record<string, unknown>);
    if (prototype === null) {
      if (types.isExternal(value) || types.isModuleNamespaceObject(value)) return false;
      return this.#properties(value as Record<string, unknown>);
    }
    if (prototype === Date.prototype) return types.isDate(value) && this.#date(value);
    if (prototype === Map.prototype) return types.isMap(value) && this.#map(value);
    if (prototype === Set.prototype) return types.isSet(value) && this.#set(value);
    const index = viewIndex(value);
    return index !== -1 && ArrayBuffer.isView(value) && this.#view(value, index);
  }

  #reference(number: number): boolean {
    if (!this.#reserve(6)) return false;
    this.#flags |= hasReferences;
    this.bytes[this.#at++] = Mark.reference;
    this.#varint(number);
    return true;
  }

  /** The number of an object that has begun before; else −1, and it has one now. */
  #numberOf(value: object): number {
    const seen = this.#seen;
    const count = this.#seenCount++;
    if (count < maxListed) {
      for (let i = 0; i < count; i++) {
        if (seen[i] === value) return this.#repeated(i);
      }
      seen[count] = value;
      return -1;
    }
    if (this.#numbers === undefined) {
      this.#numbers = new Map();
      for (let i = 0; i < count; i++) this.#numbers.set(seen[i] as object, i);
    }
    const number = this.#numbers.get(value);
    if (number !== undefined) return this.#repeated(number);
    this.#numbers.set(value, count);
    return -1;
  }

  #repeated(number: number): number {
    this.#seenCount--;
    return number;
  }

  #array(value: readonly unknown[]): boolean {
    const { length } = value;
    // With a hole or a named property, their number or the last of them is another.
    const keys = Object.keys(value);
    if (keys.length !== length || (length > 0 && keys[length - 1] !== String(length - 1))) return false;
    if (!this.#reserve(6)) return false;
    if (length <= maxShortArray) {
      this.bytes[this.#at++] = Mark.shortArray | length;
    } else {
      this.bytes[this.#at++] = Mark.array;
      this.#varint(length);
    }
    for (let i = 0; i < length; i++) if (!this.#value(value[i])) return false;
    return true;
  }

  #properties(value: Record<string, unknown>): boolean {
    const values = this.#values;
    const base = this.#valueCount;
    let node: KeyNode | undefined = this.#keys.root;
    for (const key in value) {
      values[this.#valueCount++] = value[key];
      if (node === undefined) continue;
      const { recent }: KeyNode = node;
      node = recent !== undefined && recent.key === key ? recent : this.#keys.next(node, key);
    }
    const count = this.#valueCount - base;
    const shape = node === undefined ? null : (node.shape ?? shapeOf(node));
    if (!(shape === null ? this.#keyed(value, base, count) : this.#shaped(shape, base, count))) return false;
    for (let i = base; i < base + count; i++) values[i] = undefined;
    this.#valueCount = base;
    return true;
  }

  #shaped(shape: Shape, base: number, count: number): boolean {
    const { block } = shape;
    if (!this.#reserve(6 + block.length)) return false;
    if (shape.message === this.#message) {
      this.bytes[this.#at++] = Mark.shape;
      this.#varint(shape.index);
    } else {
      shape.message = this.#message;
      shape.index = this.#shapeCount++;
      this.bytes[this.#at++] = Mark.newShape;
      this.#varint(block.length);
      const { bytes } = this;
      const at = this.#at;
      for (let i = 0; i < block.length; i++) bytes[at + i] = block[i] as number;
      this.#at = at + block.length;
    }
    for (let i = base; i < base + count; i++) if (!this.#value(this.#values[i])) return false;
    return true;
  }

  #keyed(value: object, base: number, count: number): boolean {
    const keys = Object.keys(value);
    // A getter has changed the object.
    if (keys.length !== count || !this.#reserve(6)) return false;
    this.bytes[this.#at++] = Mark.keyed;
    this.#varint(count);
    for (let i = 0; i < count; i++) {
      if (!this.#string(keys[i] as string) || !this.#value(this.#values[base + i])) return false;
    }
    return true;
  }

  #date(value: Date): boolean {
    if (!this.#mark(Mark.date) || !this.#reserve(8)) return false;
    this.#double(Date.prototype.getTime.call(value));
    return true;
  }

  #map(value: ReadonlyMap<unknown, unknown>): boolean {
    if (!this.#reserve(6)) return false;
    this.bytes[this.#at++] = Mark.map;
    // A getter of an entry could change the number: entries are counted as they are written.
    const entries = [...value];
    this.#varint(entries.length);
    for (const [key, element] of entries) if (!this.#value(key) || !this.#value(element)) return false;
    return true;
  }

  #set(value: ReadonlySet<unknown>): boolean {
    if (!this.#reserve(6)) return false;
    this.bytes[this.#at++] = Mark.set;
    const members = [...value];
    this.#varint(members.length);
    for (const member of members) if (!this.#value(member)) return false;
    return true;
  }

  #view(value: ArrayBufferView, index: number): boolean {
    const source = bytesOfView(value);
    const { length } = source;
    if (!this.#reserve(7 + length)) return false;
    this.bytes[this.#at++] = Mark.view;
    this.bytes[this.#at++] = index;
    this.#varint(length);
    this.bytes.set(source, this.#at);
    this.#at += length;
    return true;
  }

  #reserve(size: number): boolean {
    return this.#at + size <= this.bytes.length || this.#grow(size);
  }

  #grow(size: number): boolean {
    const needed = this.#at + size;
    if (needed > maxScratch) return false;
    let capacity = this.bytes.length;
    while (capacity < needed) capacity *= 2;
    const bytes = Buffer.allocUnsafeSlow(capacity) as RawBuffer;
    bytes.set(this.bytes.subarray(0, this.#at));
    this.bytes = bytes;
    this.words = new Int32Array(bytes.buffer);
    return true;
  }
}

/** This thread's. Its `bytes` hold the last message that was written, until the next one. */
export const compactWriter = new CompactWriter();

// `for…in` would take enumerable properties of the prototype for the object's own.
function isPrototypeClean(): boolean {
  for (const _ in empty) return false;
  return true;
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}
