/** Struct: how a user declares a type with several fields, and what its fields read and write as. */
import { classOf } from './struct-class.js';
import { layOut } from './struct-layout.js';
import type { Read, TypeName, Written } from './types.js';

/** What a field may be: a typecode or a long name, another struct, or a fixed array `[type, length]`. */
// biome-ignore lint/suspicious/noExplicitAny: the fields of any other struct
export type FieldType = TypeName | StructType<any> | readonly [FieldType, number];

/** The fields of a struct, in the order in which they lie in memory. */
export type FieldTypes = Readonly<Record<string, FieldType>>;

interface FixedArrays {
  b: Int8Array;
  B: Uint8Array;
  h: Int16Array;
  H: Uint16Array;
  i: Int32Array;
  I: Uint32Array;
  l: BigInt64Array;
  L: BigUint64Array;
  q: BigInt64Array;
  Q: BigUint64Array;
  f: Float32Array;
  d: Float64Array;
  c: Buffer;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  float32: Float32Array;
  float64: Float64Array;
  char: Buffer;
}

/** What a field of the type reads as. */
export type ReadField<T> = T extends TypeName
  ? Read<T>
  : T extends StructType<infer F>
    ? Fields<F>
    : T extends readonly [infer E, number]
      ? E extends keyof FixedArrays
        ? FixedArrays[E]
        : E extends TypeName
          ? Read<E>[]
          : readonly ReadField<E>[]
      : never;

/** What a field of the type may be at first. */
export type WrittenField<T> = T extends TypeName
  ? Written<T>
  : T extends StructType<infer F>
    ? WrittenFields<F>
    : T extends readonly [infer E, number]
      ?
          | Iterable<WrittenField<E>>
          | (E extends 'c' | 'char' ? string | Uint8Array : E extends 'u' | 'wchar' ? string : never)
      : never;

/** The fields as properties. */
export type Fields<F extends FieldTypes> = { -readonly [K in keyof F]: ReadField<F[K]> };

/** Values for the fields: by name, where absent ones stay as they are, or in their order. */
export type WrittenFields<F extends FieldTypes> =
  | { readonly [K in keyof F]?: WrittenField<F[K]> }
  | readonly WrittenField<F[keyof F]>[];

/** A class that {@link Struct} made, usable as a type. */
export interface StructType<F extends FieldTypes = FieldTypes> {
  /** A struct in ordinary memory; all zero, or with these fields. */
  new (initial?: WrittenFields<F>): Fields<F> & { toJSON(): unknown };
  /** In bytes, with the padding at the end. */
  readonly size: number;
  /** Where each field starts, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
}

/**
 * Makes a struct type: `Struct({ x: 'd', y: 'd' })`, for `Value`, `SharedArray` and their raw forms, laid out as C would lay
 * out the same struct; mirrors `ctypes.Structure`. Fields are properties; assigning one checks its type and range.
 *
 * @throws TypeError for an unknown type, or a name that is no identifier
 * @throws RangeError for more than 2 GiB, types nested more than 16 deep, or more than 2^20 nested structs, arrays and converted
 *   elements (booleans, code points) in one struct
 */
export function Struct<const F extends FieldTypes>(fields: F): StructType<F> {
  return classOf(layOut(fields)) as unknown as StructType<F>;
}
