/** Keys of a map as words: packed, distinguished by type, and hashed with a secret of the map. */
import { Buffer } from 'node:buffer';
import { describe } from '../options/describe.js';
import type { RawBuffer } from '../serialize/compact-format.js';

/** A key of a {@link SharedMap}. */
export type MapKey = string | number | bigint | Uint8Array;

/** Types of keys: those of different types are never equal. */
export const KeyType = { text: 1, utf16: 2, number: 3, int64: 4, bigint: 5, bytes: 6 } as const;

export const maxKeyBytes = 1024;

/** Strings up to this length are packed character by character: it is quicker than a call. */
const shortText = 40;

const memory = new ArrayBuffer(maxKeyBytes * 3 + 16);
const words = new Int32Array(memory);
const doubles = new Float64Array(memory);
const int64s = new BigInt64Array(memory);
const bytes = Buffer.from(memory) as RawBuffer;

/** The key that was packed last in this thread, for the map with these seeds. */
export class PackedKey {
  /** Its bytes in 32-bit words, the last one filled up with zeros. */
  readonly words: Int32Array = words;
  hash = 0;
  type = 0;
  /** In bytes. */
  length = 0;
  readonly #seed0: number;
  readonly #seed1: number;

  constructor(seed0: number, seed1: number) {
    this.#seed0 = seed0;
    this.#seed1 = seed1;
  }

  /**
   * Packs a key; no code of the program runs meanwhile.
   *
   * @throws TypeError for what is no key; RangeError for more than 1 KiB
   */
  pack(key: unknown): void {
    if (typeof key === 'string') {
      if (key.length > shortText || !this.#packShort(key)) this.#packText(key);
    } else {
      this.#packOther(key);
    }
    this.hash = this.#hash();
  }

  #packShort(text: string): boolean {
    const { length } = text;
    let all = 0;
    let at = 0;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      const a = text.charCodeAt(i);
      const b = text.charCodeAt(i + 1);
      const c = text.charCodeAt(i + 2);
      const d = text.charCodeAt(i + 3);
      all |= a | b | c | d;
      words[at++] = a | (b << 8) | (c << 16) | (d << 24);
    }
    if (i < length) {
      let word = 0;
      for (let shift = 0; i < length; i++, shift += 8) {
        const code = text.charCodeAt(i);
        all |= code;
        word |= code << shift;
      }
      words[at] = word;
    }
    this.type = KeyType.text;
    this.length = length;
    return all < 0x80;
  }

  #packText(text: string): void {
    if (text.length > maxKeyBytes) throw tooLong(Buffer.byteLength(text));
    let length = bytes.utf8Write(text, 0, maxKeyBytes * 3);
    this.type = KeyType.text;
    if (length !== text.length && !(text as unknown as { isWellFormed(): boolean }).isWellFormed()) {
      // UTF-8 cannot hold half a surrogate pair.
      length = bytes.ucs2Write(text, 0, text.length * 2);
      this.type = KeyType.utf16;
    }
    this.#finish(length);
  }

  #packOther(key: unknown): void {
    if (typeof key === 'number') {
      this.type = KeyType.number;
      this.length = 8;
      // As in a Map: 0 and −0 are one key, and all NaN are.
      doubles[0] = key === 0 ? 0 : key;
      if (Number.isNaN(key)) doubles[0] = Number.NaN;
    } else if (typeof key === 'bigint') {
      this.#packBigInt(key);
    } else if (ArrayBuffer.isView(key) && isBytes(key)) {
      if (key.length > maxKeyBytes) throw tooLong(key.length);
      bytes.set(key);
      this.type = KeyType.bytes;
      this.#finish(key.length);
    } else {
      throw new TypeError(
        `Expected a key to be a string, a number, a bigint, a Buffer or a Uint8Array, got ${describe(key)}`,
      );
    }
  }

  #packBigInt(key: bigint): void {
    if (BigInt.asIntN(64, key) === key) {
      this.type = KeyType.int64;
      this.length = 8;
      int64s[0] = key;
      return;
    }
    const text = key.toString(16);
    if (text.length > maxKeyBytes) throw tooLong(text.length);
    this.type = KeyType.bigint;
    this.#finish(bytes.latin1Write(text, 0, text.length));
  }

  #finish(length: number): void {
    if (length > maxKeyBytes) throw tooLong(length);
    for (let i = length; (i & 3) !== 0; i++) bytes[i] = 0;
    this.length = length;
  }

  /** HalfSipHash-1-3 of the words, type and length: who does not know the seeds cannot choose keys that collide. */
  #hash(): number {
    const last = (this.length << 3) | this.type;
    const count = (this.length + 3) >> 2;
    let v0 = this.#seed0;
    let v1 = this.#seed1;
    let v2 = 0x6c79_6765 ^ v0;
    let v3 = 0x7465_6462 ^ v1;
    for (let i = 0; i <= count; i++) {
      const word = i < count ? (words[i] as number) : last;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    v2 ^= 0xff;
    for (let i = 0; i < 3; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    return v1 ^ v3;
  }
}

/** The key whose bytes these are. `undefined` for bytes that no key has. */
export function unpackKey(type: number, source: Buffer): MapKey | undefined {
  switch (type) {
    case KeyType.text:
      return source.toString('utf8');
    case KeyType.utf16:
      return source.toString('utf16le');
    case KeyType.number:
      return source.length === 8 ? source.readDoubleLE(0) : undefined;
    case KeyType.int64:
      return source.length === 8 ? source.readBigInt64LE(0) : undefined;
    case KeyType.bigint:
      return bigIntOf(source.toString('latin1'));
    case KeyType.bytes:
      return source;
    default:
      return undefined;
  }
}

function bigIntOf(text: string): bigint | undefined {
  if (!/^-?[0-9a-f]+$/.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function isBytes(view: ArrayBufferView): view is Uint8Array {
  return view instanceof Uint8Array || Object.prototype.toString.call(view) === '[object Uint8Array]';
}

function tooLong(length: number): RangeError {
  return new RangeError(
    `Expected a key of at most ${maxKeyBytes} bytes, got ${length}: use a digest of it, or part of it`,
  );
}
