/** Values of a map as bytes: packed before the lock is taken, read after what was copied is known to be whole. */
import { Buffer } from 'node:buffer';
import { deserialize, discard, isKeeping, serialize } from '../serialize/codec.js';
import type { RawBuffer } from '../serialize/compact-format.js';
import { readCompact } from '../serialize/compact-reader.js';
import { compactWriter } from '../serialize/compact-writer.js';
import { damaged } from '../serialize/handles.js';
import { Tag } from '../serialize/tags.js';
import { bytesOfView, makeView, viewIndex } from '../serialize/views.js';

const scratchBytes = 16 * 1024;
/** Strings up to this length are written character by character: it is quicker than a call. */
const shortText = 24;

const memory = new ArrayBuffer(scratchBytes + 16);
const words = new Int32Array(memory);
const bytes = Buffer.from(memory) as RawBuffer;

/** The value that was packed last in this thread. */
class PackedValue {
  /** The tag, and the class of a view above it: what an entry's meta word has. */
  meta = 0;
  /** In bytes. */
  length = 0;
  /** The value itself, if it is a number. */
  number = 0;
  /** Source of the bytes: whole words from the start of the first, or of the second without a first. */
  words: Int32Array | undefined = words;
  bytes: Uint8Array = bytes;

  /**
   * Packs a value; getters of it may run.
   *
   * @throws TypeError for what cannot travel, and for shared objects; RangeError for what is nested too deeply
   */
  pack(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.meta = Tag.double;
        this.length = 8;
        this.number = value;
        return;
      case 'string':
        this.#packText(value);
        return;
      case 'boolean':
        this.#packBare(value ? Tag.true : Tag.false);
        return;
      case 'undefined':
        this.#packBare(Tag.undefined);
        return;
      case 'object':
        if (value === null) this.#packBare(Tag.null);
        else this.#packObject(value);
        return;
      default:
        this.#packMessage(value);
    }
  }

  #packBare(tag: number): void {
    this.meta = tag;
    this.length = 0;
  }

  #packText(text: string): void {
    const { length } = text;
    this.words = words;
    this.bytes = bytes;
    if (length <= shortText) {
      let all = 0;
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        all |= code;
        bytes[i] = code;
      }
      if (all < 0x80) {
        this.meta = Tag.ascii;
        this.length = length;
        return;
      }
    }
    if (length * 3 > scratchBytes) {
      this.#packLongText(text);
      return;
    }
    let written = bytes.utf8Write(text, 0, scratchBytes);
    let tag: number = Tag.ascii;
    if (written !== length) {
      tag = Tag.utf8;
      if (!isWellFormed(text)) {
        tag = Tag.utf16;
        written = bytes.ucs2Write(text, 0, length * 2);
      }
    }
    this.meta = tag;
    this.length = written;
  }

  #packLongText(text: string): void {
    const length = Buffer.byteLength(text);
    const tag = length === text.length ? Tag.ascii : isWellFormed(text) ? Tag.utf8 : Tag.utf16;
    const encoding = tag === Tag.ascii ? 'latin1' : tag === Tag.utf8 ? 'utf8' : 'utf16le';
    this.#packBytes(tag, Buffer.from(text, encoding));
  }

  #packObject(value: object): void {
    const index = viewIndex(value);
    if (index !== -1 && ArrayBuffer.isView(value)) {
      this.#packBytes(Tag.view | (index << 8), bytesOfView(value));
      return;
    }
    const length = compactWriter.write(value);
    if (length === 0) {
      this.#packMessage(value);
      return;
    }
    this.meta = Tag.compact;
    this.length = length;
    this.words = compactWriter.words;
    this.bytes = compactWriter.bytes;
  }

  #packMessage(value: unknown): void {
    const message = serialize(value);
    if (isKeeping(message)) {
      discard(message);
      throw new TypeError(
        'Expected a value without shared objects (locks, queues, arrays, proxies …): a map cannot keep their memory. ' +
          'Give them a name, and store the name',
      );
    }
    this.#packBytes(Tag.clone, message);
  }

  #packBytes(meta: number, source: Uint8Array): void {
    this.meta = meta;
    this.length = source.length;
    this.words = undefined;
    this.bytes = source;
  }

  /** The packed bytes, copied. */
  copy(): Buffer {
    if (this.meta === Tag.double) {
      const copy = Buffer.alloc(8);
      copy.writeDoubleLE(this.number);
      return copy;
    }
    return Buffer.from(this.bytes.subarray(0, this.length));
  }
}

/** This thread's. */
export const packedValue = new PackedValue();

/**
 * The value of bytes that do not change any more.
 *
 * @throws what deserialising throws; MultiprocError `ERR_MULTIPROC_MESSAGE` for damaged bytes
 */
export function readValue(meta: number, source: RawBuffer, length: number): unknown {
  switch (meta & 0xff) {
    case Tag.undefined:
      return undefined;
    case Tag.null:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.double:
      return length === 8 ? source.readDoubleLE(0) : fault(meta);
    case Tag.ascii:
      return source.latin1Slice(0, length);
    case Tag.utf8:
      return source.utf8Slice(0, length);
    case Tag.utf16:
      return source.ucs2Slice(0, length);
    case Tag.view:
      return makeView((meta >>> 8) & 0x1f, source.subarray(0, length));
    case Tag.compact:
      return readCompact(source, 0, length);
    case Tag.clone:
      return deserialize(source.subarray(0, length));
    default:
      return fault(meta);
  }
}

function fault(meta: number): never {
  throw damaged(`no value of a map has the tag ${meta & 0xff}`);
}

function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}
