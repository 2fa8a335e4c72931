/** SharedArray and RawArray: arrays in shared memory, of the class that suits their elements. */

import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { OptionTable } from '../options/table.js';
import { type Handle, HandleKind, registerArrival, type Traveller } from '../serialize/handles.js';
import { Block, BlockKind, type Mode, objectName } from './block.js';
import { type BytesMembers, byteArray } from './byte-array.js';
import { Cells, findCells, numbersFlag, obtainCells, withoutLockFlag } from './cells.js';
import { type ElementArray, elementArray, type TextMembers } from './element-array.js';
import { type ArrayMembers, type LockMembers, numericArray } from './numeric-array.js';
import { type LockLike, type LockOptions, OwnLock, ownLockFields } from './own-lock.js';
import { elementFields, type ScalarOptions, scalarOpenOptions, scalarOptions } from './scalar.js';
import type { StructType, WrittenFields } from './struct.js';
import { type StructArray, structArray } from './struct-array.js';
import { obtainStructs } from './struct-block.js';
import { type InstanceClass, openerOf } from './struct-class.js';
import { assign } from './struct-copy.js';
import { findLayout } from './struct-layout.js';
import type { Views } from './struct-views.js';
import { bytesOf, type Elements, type Read, type ScalarType, type TypeName, typeOf, type Written } from './types.js';

/** Options of {@link RawArray}. */
export interface RawArrayOptions<N extends boolean = boolean> extends ScalarOptions<N> {}
/** Options of {@link SharedArray}. */
export interface SharedArrayOptions<N extends boolean = boolean> extends RawArrayOptions<N>, LockOptions {}

const lockedOpenOptions = new OptionTable<Omit<SharedArrayOptions, 'name'>>({ ...elementFields, ...ownLockFields });
const lockedOptions = new OptionTable<SharedArrayOptions>({ name: objectName, ...elementFields, ...ownLockFields });

/** The typed array that a numeric type's array is. */
interface TypedArrays {
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
}

/** What `new RawArray(type, …)` is. */
export type RawArray<T extends ElementType = TypeName, N extends boolean = false> = ArrayMembers &
  (T extends StructType<infer F> ? StructArray<F> : T extends TypeName ? ScalarArray<T, N> : never);

/** A type of scalars, or a struct. */
// biome-ignore lint/suspicious/noExplicitAny: the fields of any struct
export type ElementType = TypeName | StructType<any>;

/** What an array of scalars is. */
export type ScalarArray<T extends TypeName, N extends boolean> = T extends 'c' | 'char'
  ? Uint8Array & BytesMembers
  : T extends 'u' | 'wchar'
    ? ElementArray<string> & TextMembers
    : T extends '?' | 'bool'
      ? ElementArray<boolean, boolean | 0 | 1>
      : T extends keyof TypedArrays
        ? [N, Read<T>] extends [true, bigint]
          ? ElementArray<number, number | bigint>
          : TypedArrays[T]
        : never;

/** What `new SharedArray(type, …)` is. */
export type SharedArray<T extends ElementType = TypeName, N extends boolean = false> = RawArray<T, N> & LockMembers;

/** How many elements, all zero; or what they are at first. Text for `'c'` (UTF-8) and `'u'`. */
export type Content<T extends ElementType> =
  | number
  | Iterable<T extends StructType<infer F> ? WrittenFields<F> : T extends TypeName ? Written<T> : never>
  | (T extends 'c' | 'char' | 'u' | 'wchar' ? string : never);

/** The class `RawArray`. */
export interface RawArrayConstructor {
  /**
   * Makes an anonymous array, or opens the named one, which is made if it is missing.
   *
   * @param type a typecode (`'d'`), a long name (`'float64'`) or a struct
   * @param sizeOrIterable the number of elements, or the elements
   * @throws TypeError for an unknown type, a size that is no integer, elements of another type
   * @throws ValueError for a negative size; RangeError for more than an ArrayBuffer can hold
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  new <T extends ElementType, N extends boolean = false>(
    type: T,
    sizeOrIterable: Content<T>,
    options?: RawArrayOptions<N>,
  ): RawArray<T, N>;
  /** Makes an array that must not exist yet: `EEXIST`. */
  create<T extends ElementType, N extends boolean = false>(
    type: T,
    sizeOrIterable: Content<T>,
    options?: RawArrayOptions<N>,
  ): RawArray<T, N>;
  /** Opens an array that must exist: `ENOENT`. It has the type and the length it was made with. */
  open<T extends ElementType = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<RawArrayOptions<N>, 'name'>,
  ): RawArray<T, N>;
  /** Removes the name; those who have the array open go on using it. `ENOENT` if there is none. */
  unlink(name: string): void;
  /** Whether the value is such an array, of whatever type. */
  [Symbol.hasInstance](value: unknown): boolean;
}

/** The class `SharedArray`. */
export interface SharedArrayConstructor {
  /**
   * As the constructor of {@link RawArrayConstructor | RawArray}.
   *
   * @throws TypeError also for a `lock` without `acquire`
   */
  new <T extends ElementType, N extends boolean = false>(
    type: T,
    sizeOrIterable: Content<T>,
    options?: SharedArrayOptions<N>,
  ): SharedArray<T, N>;
  /** Makes an array that must not exist yet: `EEXIST`. */
  create<T extends ElementType, N extends boolean = false>(
    type: T,
    sizeOrIterable: Content<T>,
    options?: SharedArrayOptions<N>,
  ): SharedArray<T, N>;
  /** Opens an array that must exist: `ENOENT`. It has the type and the length it was made with. */
  open<T extends ElementType = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<SharedArrayOptions<N>, 'name'>,
  ): SharedArray<T, N>;
  /** Removes the name; those who have the array open go on using it. `ENOENT` if there is none. */
  unlink(name: string): void;
  /** Whether the value is such an array, of whatever type. */
  [Symbol.hasInstance](value: unknown): boolean;
}

/**
 * An array in shared memory with a lock of its own; mirrors `multiprocessing.Array`.
 *
 * Arrays of numbers are typed arrays: a `SharedArray('d', 10)` is a Float64Array, as fast as any, and elements of integer
 * types work with `Atomics`. Plain access takes no lock. Methods that make a new array (`map`, `slice`, `subarray`) make
 * an ordinary one; of these, `subarray` still shows the shared elements.
 */
export const SharedArray: SharedArrayConstructor = arrayClass('SharedArray', false) as SharedArrayConstructor;

/** An array in shared memory without a lock; mirrors `multiprocessing.sharedctypes.RawArray`. */
export const RawArray: RawArrayConstructor = arrayClass('RawArray', true) as RawArrayConstructor;

/** Both constructors return an object of the class that the element type asks for, so neither has instances itself. */
function arrayClass(name: string, raw: boolean): unknown {
  const make = (
    mode: Mode,
    typeName: unknown,
    content: unknown,
    options: SharedArrayOptions | undefined,
  ): Traveller => {
    (raw ? scalarOptions : lockedOptions).check(options, name);
    const lock = raw ? undefined : new OwnLock(options?.lock);
    const numbers = options?.numbers ?? false;
    if (findLayout(typeName) !== undefined) return structsOver(mode, typeName as InstanceClass, content, options, lock);
    const type = typeOf(typeName, numbers);
    const { length, fill } = readContent(type, content);
    return over(new Cells(obtainCells(mode, type, length, options, fill), lock, numbers));
  };
  const construct = function (type: unknown, sizeOrIterable: unknown, options?: SharedArrayOptions): Traveller {
    if (new.target === undefined) throw new TypeError(`Class constructor ${name} cannot be invoked without 'new'`);
    return make('open-or-create', type, sizeOrIterable, options);
  };
  return Object.defineProperties(construct, {
    name: { value: name },
    create: {
      value: (type: unknown, sizeOrIterable: unknown, options?: SharedArrayOptions) =>
        make('create', type, sizeOrIterable, options),
    },
    open: {
      value: (file: string, options?: SharedArrayOptions) => {
        (raw ? scalarOpenOptions : lockedOpenOptions).check(options, `${name}.open`);
        const lock = raw ? undefined : new OwnLock(options?.lock);
        const numbers = options?.numbers ?? false;
        return over(new Cells(Block.open(file, BlockKind.array), lock, numbers));
      },
    },
    unlink: { value: (file: string) => Block.unlink(file) },
    [Symbol.hasInstance]: { value: (value: unknown) => findCells(value)?.raw === raw },
  });
}

function structsOver(
  mode: Mode,
  struct: InstanceClass,
  content: unknown,
  options: SharedArrayOptions | undefined,
  lock: OwnLock | undefined,
): Traveller {
  if (typeof content !== 'number' && (typeof content === 'string' || !isIterable(content))) throw wrongContent(content);
  const layout = findLayout(struct) as NonNullable<ReturnType<typeof findLayout>>;
  const values = typeof content === 'number' ? [] : [...(content as Iterable<unknown>)];
  const length = typeof content === 'number' ? checkSize(content) : values.length;
  const open = openerOf(struct);
  const fill = (views: Views) => {
    for (const [i, value] of values.entries()) assign(open(views, i * (layout.size / layout.alignment)), value);
  };
  const block = obtainStructs(mode, BlockKind.array, layout, length, options, values.length > 0 ? fill : undefined);
  return over(new Cells(block, lock, false, struct));
}

function over(cells: Cells): Traveller {
  if (cells.structs !== undefined) return structArray(cells) as Traveller;
  if (cells.type.code === 'c') return byteArray(cells) as unknown as Traveller;
  if (cells.type.family === 'converted') return elementArray(cells) as unknown as Traveller;
  return numericArray(cells) as unknown as Traveller;
}

/** What a constructor was given: how many elements, and how they get their initial values. */
interface Initial {
  length: number;
  fill: ((buffer: ArrayBuffer) => void) | undefined;
}

/**
 * The elements of an array that is not shared, checked as those of one that is.
 *
 * @param content as {@link RawArrayConstructor | RawArray} takes it
 */
export function ownElements(type: ScalarType, content: unknown): Elements {
  const { length, fill } = readContent(type, content);
  const elements = new type.elements(new ArrayBuffer(length * type.size));
  fill?.(elements.buffer as ArrayBuffer);
  return elements;
}

function readContent(type: ScalarType, content: unknown): Initial {
  if (typeof content === 'number') return { length: checkSize(content), fill: undefined };
  const values = elementsOf(type, content);
  return {
    length: values.length,
    fill: (buffer) => new type.elements(buffer).set(values as never),
  };
}

/** Elements as they are stored, all checked. Numbers that do not fit wrap around, as in any typed array. */
function elementsOf(type: ScalarType, content: unknown): ArrayLike<number | bigint> {
  if (type.code === 'c' && typeof content === 'string') return bytesOf(content);
  if (typeof content !== 'string' || type.code === 'u') {
    if (content instanceof (type.elements as typeof Uint8Array)) return content;
    if (isIterable(content)) return Array.from(content, (value) => encodeElement(type, value));
  }
  throw wrongContent(content);
}

function wrongContent(content: unknown): TypeError {
  return new TypeError(`Expected "sizeOrIterable" to be a size or an iterable of elements, got ${describe(content)}`);
}

function encodeElement(type: ScalarType, value: unknown): number | bigint {
  if (type.family === 'integer' && typeof value === 'number') return value;
  if (type.integral && type.size === 8 && typeof value === 'bigint') return value;
  return type.encode(value);
}

function checkSize(size: number): number {
  if (!Number.isInteger(size)) throw new TypeError(`Expected "sizeOrIterable" to be an integer, got ${size}`);
  if (size < 0) throw new ValueError(`Expected an array's size to be at least 0, got ${size}`);
  return size;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function';
}

registerArrival(HandleKind.array, (handle) => {
  const lock = (handle.flags & withoutLockFlag) !== 0 ? false : (handle.nested[0] as LockLike | undefined);
  return arrived(handle, new OwnLock(lock));
});

registerArrival(HandleKind.rawArray, (handle) => arrived(handle, undefined));

function arrived(handle: Handle, lock: OwnLock | undefined): Traveller {
  return over(new Cells(Block.arrive(handle, BlockKind.array), lock, (handle.flags & numbersFlag) !== 0));
}
