/** The types of shared elements: what a typecode means in memory, and how values are checked on their way there. */
import { describe } from '../options/describe.js';

/** Python's typecodes. */
export type Typecode = 'b' | 'B' | 'h' | 'H' | 'i' | 'I' | 'l' | 'L' | 'q' | 'Q' | 'f' | 'd' | 'c' | 'u' | '?';

/** The long names, which mean the same as a typecode each. */
export type LongName =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'bool'
  | 'char'
  | 'wchar';

/** What {@link Value}, {@link SharedArray} and their raw forms take as type. */
export type TypeName = Typecode | LongName;

type Wide = 'l' | 'L' | 'q' | 'Q' | 'int64' | 'uint64';
type Bool = '?' | 'bool';
type Char = 'c' | 'char';
type WideChar = 'u' | 'wchar';

/** What an element of type `T` reads as; `N` is the option `numbers`. */
export type Read<T extends TypeName, N extends boolean = false> = T extends Wide
  ? N extends true
    ? number
    : bigint
  : T extends Bool
    ? boolean
    : T extends Char
      ? Buffer
      : T extends WideChar
        ? string
        : number;

/** What an element of type `T` may be written as. */
export type Written<T extends TypeName> = T extends Wide
  ? number | bigint
  : T extends Bool
    ? boolean | 0 | 1
    : T extends Char
      ? Uint8Array | string | number
      : T extends WideChar
        ? string
        : number;

/** The ordinary typed arrays that elements lie in. */
export type Elements =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** How the user's values and the elements of the typed array are related. */
export type Family = 'integer' | 'wide' | 'float' | 'converted';

/** A type of scalar elements. `raw` values are the elements of the typed array. */
export interface ScalarType {
  /** The typecode. `'l'` and `'L'` are stored as `'q'` and `'Q'`, which are the same in memory. */
  readonly code: Typecode;
  readonly name: LongName;
  /** In bytes. */
  readonly size: number;
  readonly family: Family;
  /** Whether it can be added to, and so on. */
  readonly integral: boolean;
  readonly elements: new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => Elements;
  /** The least and the greatest integer; meaningless for floats. */
  readonly low: number | bigint;
  readonly high: number | bigint;
  /**
   * @throws TypeError for a value of another type
   * @throws RangeError for an integer that does not fit
   */
  encode(value: unknown): number | bigint;
  decode(raw: number | bigint): unknown;
}

function integer(
  code: Typecode,
  name: LongName,
  elements: ScalarType['elements'],
  low: number,
  high: number,
): ScalarType {
  const size = Math.log2(high - low + 1) / 8;
  const encode = (value: unknown): number => {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw wrong(value, 'a number', name);
    const plain = Number(value);
    if (!Number.isInteger(plain) || plain < low || plain > high) throw outOfRange(value, low, high, name);
    return plain;
  };
  return { code, name, size, family: 'integer', integral: true, elements, low, high, encode, decode: itself };
}

function wide(code: Typecode, name: LongName, elements: ScalarType['elements'], low: bigint, high: bigint): ScalarType {
  const encode = (value: unknown): bigint => {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) {
        throw new RangeError(`Expected a safe integer or a bigint for ${name}, got ${value}`);
      }
    } else if (typeof value !== 'bigint') {
      throw wrong(value, 'a bigint or a safe integer', name);
    }
    const plain = BigInt(value);
    if (plain < low || plain > high) throw outOfRange(value, low, high, name);
    return plain;
  };
  return { code, name, size: 8, family: 'wide', integral: true, elements, low, high, encode, decode: itself };
}

function float(code: Typecode, name: LongName, elements: ScalarType['elements'], size: number): ScalarType {
  const encode = (value: unknown): number => {
    if (typeof value !== 'number') throw wrong(value, 'a number', name);
    return value;
  };
  return { code, name, size, family: 'float', integral: false, elements, low: 0, high: 0, encode, decode: itself };
}

const bool: ScalarType = {
  code: '?',
  name: 'bool',
  size: 1,
  family: 'converted',
  integral: false,
  elements: Uint8Array,
  low: 0,
  high: 1,
  encode(value) {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1) throw wrong(value, 'a boolean', 'bool');
    return Number(value);
  },
  decode: (raw) => raw !== 0,
};

const char: ScalarType = {
  code: 'c',
  name: 'char',
  size: 1,
  family: 'converted',
  integral: false,
  elements: Uint8Array,
  low: 0,
  high: 255,
  encode(value) {
    if (typeof value === 'number') {
      if (!Number.isInteger(value) || value < 0 || value > 255) throw outOfRange(value, 0, 255, 'char');
      return value;
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    if (!(bytes instanceof Uint8Array)) throw wrong(value, 'one byte (a Buffer, a string or a number)', 'char');
    if (bytes.length !== 1) throw new RangeError(`Expected one byte for char, got ${bytes.length}`);
    return bytes[0] as number;
  },
  decode: (raw) => Buffer.of(raw as number),
};

const wideChar: ScalarType = {
  code: 'u',
  name: 'wchar',
  size: 4,
  family: 'converted',
  integral: false,
  elements: Uint32Array,
  low: 0,
  high: 0x10ffff,
  encode(value) {
    if (typeof value !== 'string') throw wrong(value, 'a string of one code point', 'wchar');
    const point = value.codePointAt(0);
    if (point === undefined || value.length !== (point > 0xffff ? 2 : 1)) {
      throw new RangeError(`Expected one code point for wchar, got ${JSON.stringify(value)}`);
    }
    return point;
  },
  // Another program may have stored what is no code point.
  decode: (raw) => (raw <= 0x10ffff ? String.fromCodePoint(raw as number) : '\ufffd'),
};

const int64 = wide('q', 'int64', BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n);
const uint64 = wide('Q', 'uint64', BigUint64Array, 0n, 2n ** 64n - 1n);

const byCode: Readonly<Record<Typecode, ScalarType>> = {
  b: integer('b', 'int8', Int8Array, -128, 127),
  B: integer('B', 'uint8', Uint8Array, 0, 255),
  h: integer('h', 'int16', Int16Array, -32768, 32767),
  H: integer('H', 'uint16', Uint16Array, 0, 65535),
  i: integer('i', 'int32', Int32Array, -(2 ** 31), 2 ** 31 - 1),
  I: integer('I', 'uint32', Uint32Array, 0, 2 ** 32 - 1),
  l: int64,
  L: uint64,
  q: int64,
  Q: uint64,
  f: float('f', 'float32', Float32Array, 4),
  d: float('d', 'float64', Float64Array, 8),
  c: char,
  u: wideChar,
  '?': bool,
};

/**
 * What each typecode means: its long name and its size in bytes, which is C's on 64-bit Linux. Mirrors
 * `multiprocessing.sharedctypes.typecode_to_type`.
 */
export const typecodeToType: Readonly<Record<Typecode, { readonly name: LongName; readonly size: number }>> =
  Object.freeze(
    Object.fromEntries(Object.entries(byCode).map(([code, { name, size }]) => [code, Object.freeze({ name, size })])),
  ) as Record<Typecode, { name: LongName; size: number }>;

const byName = new Map<unknown, ScalarType>(
  Object.entries(byCode).flatMap(([code, type]) => [
    [code, type],
    [type.name, type],
  ]),
);

/** The same types, with elements of 64 bits that read as numbers. */
const asNumbers = new Map<ScalarType, ScalarType>(
  [int64, uint64].map((type) => [type, { ...type, family: 'converted', decode: Number }]),
);

/**
 * The type that a user's name for it means.
 *
 * @param numbers 64-bit integers read as numbers
 * @throws TypeError for an unknown one
 */
export function typeOf(name: unknown, numbers = false): ScalarType {
  const type = byName.get(name);
  if (type === undefined) {
    throw new TypeError(
      `Expected "type" to be a typecode (${Object.keys(byCode).join(' ')}) or a name such as 'int32', got ${describe(name)}`,
    );
  }
  return (numbers && asNumbers.get(type)) || type;
}

/** The type whose code a block's header holds; `undefined` if there is none. */
export function typeOfBlock(code: number, numbers: boolean): ScalarType | undefined {
  const name = String.fromCharCode(code);
  return Object.hasOwn(byCode, name) ? typeOf(name, numbers) : undefined;
}

/** @throws TypeError for anything but a string or bytes */
export function bytesOf(content: unknown): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content);
  if (content instanceof Uint8Array) return content;
  throw new TypeError(`Expected a string or bytes, got ${describe(content)}`);
}

function itself(raw: number | bigint): unknown {
  return raw;
}

function wrong(value: unknown, expected: string, name: string): TypeError {
  return new TypeError(`Expected ${expected} for ${name}, got ${describe(value)}`);
}

function outOfRange(value: unknown, low: number | bigint, high: number | bigint, name: string): RangeError {
  return new RangeError(`Expected an integer from ${low} to ${high} for ${name}, got ${value}`);
}
