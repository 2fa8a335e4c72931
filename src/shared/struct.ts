/** Struct: types with several fields, laid out as C would, whose objects are windows on memory. */
import { inspect } from 'node:util';
import { ValueError } from '../errors.js';
import { closedError } from './block.js';
import { describe } from './names.js';
import { type Field, layOut, layouts, type Part, type StructLayout } from './struct-layout.js';
import { bytesOf, type Elements, type Read, type ScalarType, type TypeName, type Written } from './types.js';

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
 * @throws RangeError for more than 2 GiB, or types nested more than 16 deep
 */
export function Struct<const F extends FieldTypes>(fields: F): StructType<F> {
  return classOf(layOut(fields)) as unknown as StructType<F>;
}

/** A struct as the memory's classes see it. */
export type Instance = BareFields;
export type InstanceClass = new (source?: unknown, at?: number) => Instance;

/** Views on the memory that structs lie in: only those that the struct's fields need. */
export class Views {
  readonly buffer: ArrayBuffer;
  readonly b: Int8Array;
  readonly B: Uint8Array;
  readonly h: Int16Array;
  readonly H: Uint16Array;
  readonly i: Int32Array;
  readonly I: Uint32Array;
  readonly q: BigInt64Array;
  readonly Q: BigUint64Array;
  readonly f: Float32Array;
  readonly d: Float64Array;

  /** @param bytes of the structs, at the start of the buffer */
  constructor(buffer: ArrayBuffer, layout: StructLayout, bytes: number) {
    const wide = layout.alignment;
    const of = <T>(view: new (buffer: ArrayBuffer, offset: number, length: number) => T, size: number): T =>
      size <= wide ? new view(buffer, 0, bytes / size) : new view(none, 0, 0);
    this.buffer = buffer;
    this.b = of(Int8Array, 1);
    this.B = of(Uint8Array, 1);
    this.h = of(Int16Array, 2);
    this.H = of(Uint16Array, 2);
    this.i = of(Int32Array, 4);
    this.I = of(Uint32Array, 4);
    this.q = of(BigInt64Array, 8);
    this.Q = of(BigUint64Array, 8);
    this.f = of(Float32Array, 4);
    this.d = of(Float64Array, 8);
  }
}

const none = new ArrayBuffer(0);

interface Access {
  get(this: BareFields): unknown;
  set(this: BareFields, value: never): void;
}

/** A window on the memory of one struct. `Struct` makes a subclass with the fields as accessors. */
class BareFields {
  readonly #views: Views;
  /** In bytes. */
  readonly #at: number;

  constructor(source?: unknown, at = 0) {
    if (source instanceof Views) {
      this.#views = source;
      this.#at = at;
    } else {
      const layout = layoutOf(this);
      this.#views = new Views(new ArrayBuffer(layout.size), layout, layout.size);
      this.#at = 0;
      if (source !== undefined) assign(this, source);
    }
  }

  toJSON(): Record<string, unknown> {
    const plain: Record<string, unknown> = {};
    for (const { name, part } of layoutOf(this).fields) plain[name] = plainOf(part, (this as never)[name]);
    return plain;
  }

  [inspect.custom](): unknown {
    return this.toJSON();
  }

  static viewsOf(instance: BareFields): Views {
    return instance.#views;
  }

  static placeOf(instance: BareFields): number {
    return instance.#at;
  }

  /**
   * A field's accessor. Each class of elements has functions of its own, so that V8 sees one kind of view in each of them;
   * a view without elements is one of closed memory.
   */
  static scalar(type: ScalarType, offset: number): Access {
    const { encode } = type;
    const low = type.low as number;
    const high = type.high as number;
    const k = offset / type.size;
    const fits = (n: unknown) => typeof n === 'number' && n >= low && n <= high && Math.floor(n) === n;
    switch (type.code) {
      case 'b':
        return {
          get() {
            return this.#views.b[this.#at + k] ?? closed();
          },
          set(n) {
            const { b } = this.#views;
            if (b.length === 0) closed();
            b[this.#at + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'B':
        return {
          get() {
            return this.#views.B[this.#at + k] ?? closed();
          },
          set(n) {
            const { B } = this.#views;
            if (B.length === 0) closed();
            B[this.#at + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'h':
        return {
          get() {
            return this.#views.h[(this.#at >>> 1) + k] ?? closed();
          },
          set(n) {
            const { h } = this.#views;
            if (h.length === 0) closed();
            h[(this.#at >>> 1) + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'H':
        return {
          get() {
            return this.#views.H[(this.#at >>> 1) + k] ?? closed();
          },
          set(n) {
            const { H } = this.#views;
            if (H.length === 0) closed();
            H[(this.#at >>> 1) + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'i':
        return {
          get() {
            return this.#views.i[(this.#at >>> 2) + k] ?? closed();
          },
          set(n) {
            const { i } = this.#views;
            if (i.length === 0) closed();
            i[(this.#at >>> 2) + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'I':
        return {
          get() {
            return this.#views.I[(this.#at >>> 2) + k] ?? closed();
          },
          set(n) {
            const { I } = this.#views;
            if (I.length === 0) closed();
            I[(this.#at >>> 2) + k] = fits(n) ? n : (encode(n) as never);
          },
        };
      case 'f':
        return {
          get() {
            return this.#views.f[(this.#at >>> 2) + k] ?? closed();
          },
          set(n) {
            const { f } = this.#views;
            if (f.length === 0) closed();
            f[(this.#at >>> 2) + k] = typeof n === 'number' ? n : (encode(n) as never);
          },
        };
      case 'd':
        return {
          get() {
            return this.#views.d[(this.#at >>> 3) + k] ?? closed();
          },
          set(n) {
            const { d } = this.#views;
            if (d.length === 0) closed();
            d[(this.#at >>> 3) + k] = typeof n === 'number' ? n : (encode(n) as never);
          },
        };
      case 'q':
        return {
          get() {
            return this.#views.q[(this.#at >>> 3) + k] ?? closed();
          },
          set(n) {
            const { q } = this.#views;
            if (q.length === 0) closed();
            q[(this.#at >>> 3) + k] = encode(n) as bigint;
          },
        };
      case 'Q':
        return {
          get() {
            return this.#views.Q[(this.#at >>> 3) + k] ?? closed();
          },
          set(n) {
            const { Q } = this.#views;
            if (Q.length === 0) closed();
            Q[(this.#at >>> 3) + k] = encode(n) as bigint;
          },
        };
      case 'u':
        return {
          get() {
            return type.decode(this.#views.I[(this.#at >>> 2) + k] ?? closed());
          },
          set(value) {
            const { I } = this.#views;
            if (I.length === 0) closed();
            I[(this.#at >>> 2) + k] = encode(value) as number;
          },
        };
      default:
        return {
          get() {
            return type.decode(this.#views.B[this.#at + k] ?? closed());
          },
          set(value) {
            const { B } = this.#views;
            if (B.length === 0) closed();
            B[this.#at + k] = encode(value) as number;
          },
        };
    }
  }
}

/** A struct with nested structs or arrays, each of which is made once, when it is first asked for. */
class CompoundFields extends BareFields {
  #parts: Map<number, object> | undefined;

  constructor(source?: unknown, at?: number) {
    super(source instanceof Views ? source : undefined, at);
    // Only now can the fields be assigned that are windows themselves.
    if (source !== undefined && !(source instanceof Views)) assign(this, source);
  }

  static compound(part: Part, offset: number): Access {
    const get = function (this: BareFields): object {
      const parts = CompoundFields.#partsOf(this as CompoundFields);
      let made = parts.get(offset);
      if (made === undefined) {
        const views = BareFields.viewsOf(this);
        if (views.buffer.byteLength === 0) closed();
        made = window(part, views, BareFields.placeOf(this) + offset);
        parts.set(offset, made);
      }
      return made;
    };
    return {
      get,
      set(value: unknown) {
        if (BareFields.viewsOf(this).buffer.byteLength === 0) closed();
        assignPart(part, get.call(this), value);
      },
    };
  }

  static #partsOf(instance: CompoundFields): Map<number, object> {
    instance.#parts ??= new Map();
    return instance.#parts;
  }
}

/** Classes that were made for what others described; not too many. */
const arrived = new Map<string, InstanceClass>();
const mostArrived = 256;

/** The class for a layout: a new one, with its fields as accessors. */
export function classOf(layout: StructLayout): InstanceClass {
  const compound = layout.fields.some(({ part }) => part.kind !== 'scalar');
  const struct = compound ? class Struct extends CompoundFields {} : class Struct extends BareFields {};
  for (const field of layout.fields) {
    Object.defineProperty(struct.prototype, field.name, { ...accessOf(field), enumerable: true, configurable: true });
  }
  const offsets = Object.freeze(Object.fromEntries(layout.fields.map(({ name, offset }) => [name, offset])));
  Object.defineProperties(struct, { size: { value: layout.size }, offsets: { value: offsets } });
  layouts.set(struct, layout);
  return struct;
}

/** The class for a layout that came by memory: the same one each time, mostly. */
export function arrivedClass(layout: StructLayout): InstanceClass {
  let struct = arrived.get(layout.text);
  if (struct === undefined) {
    struct = classOf(layout);
    if (arrived.size >= mostArrived) arrived.clear();
    arrived.set(layout.text, struct);
  }
  return struct;
}

/** The layout of a class that `Struct` made, or of a subclass of one; `undefined` for anything else. */
export function findLayout(type: unknown): StructLayout | undefined {
  for (let each = type; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    const layout = layouts.get(each);
    if (layout !== undefined) return layout;
  }
  return undefined;
}

export function layoutOf(instance: object): StructLayout {
  return findLayout(instance.constructor) as StructLayout;
}

/**
 * Stores values in the fields.
 *
 * @throws TypeError for anything but a struct, an object with such fields, or an array with their values
 * @throws ValueError for more values than there are fields
 */
export function assign(instance: object, value: unknown): void {
  const { fields } = layoutOf(instance);
  const target = instance as Record<string, unknown>;
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`Expected an object or an array with values for the fields, got ${describe(value)}`);
  }
  if (Array.isArray(value)) {
    if (value.length > fields.length) throw new ValueError(`Expected ${fields.length} fields, got ${value.length}`);
    for (const [i, each] of value.entries()) target[(fields[i] as Field).name] = each;
    return;
  }
  const names = value instanceof BareFields ? layoutOf(value).fields.map(({ name }) => name) : Object.keys(value);
  for (const name of names) {
    if (!fields.some((field) => field.name === name)) {
      throw new TypeError(`Expected the name of a field, got ${JSON.stringify(name)}`);
    }
    target[name] = (value as Record<string, unknown>)[name];
  }
}

function accessOf({ part, offset }: Field): Access {
  return part.kind === 'scalar' ? BareFields.scalar(part.scalar, offset) : CompoundFields.compound(part, offset);
}

/** What a compound field reads as. */
function window(part: Part, views: Views, at: number): object {
  if (part.kind === 'struct') {
    return new ((part.layout.declared as InstanceClass | undefined) ?? arrivedClass(part.layout))(views, at);
  }
  const { element, length } = part as Part & { kind: 'array' };
  if (element.kind !== 'scalar') {
    return Object.freeze(Array.from({ length }, (_, i) => window(element, views, at + i * element.size)));
  }
  if (element.scalar.code === 'c') return Buffer.from(views.buffer, at, length);
  const view = new element.scalar.elements(views.buffer, at, length);
  return element.scalar.family === 'converted' ? converting(element.scalar, view) : view;
}

function assignPart(part: Part, target: object, value: unknown): void {
  if (part.kind === 'struct') {
    assign(target, value);
    return;
  }
  const { element, length } = part as Part & { kind: 'array' };
  if (element.kind === 'scalar' && element.scalar.code === 'c') {
    const bytes = bytesOf(value);
    if (bytes.length > length) throw new ValueError(`Expected at most ${length} bytes, got ${bytes.length}`);
    (target as Buffer).fill(0).set(bytes);
    return;
  }
  if (typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected an iterable of at most ${length} elements, got ${describe(value)}`);
  }
  const values = [...(value as Iterable<unknown>)];
  if (values.length > length) throw new ValueError(`Expected at most ${length} elements, got ${values.length}`);
  for (const [i, each] of values.entries()) {
    const cells = target as Record<number, unknown>;
    if (element.kind !== 'scalar') assignPart(element, cells[i] as object, each);
    else cells[i] = element.scalar.family === 'converted' ? each : element.scalar.encode(each);
  }
}

/** A fixed array of booleans or code points: an array whose elements are converted as they are read and written. */
function converting(type: ScalarType, view: Elements): object {
  const cells = view as Uint32Array;
  return new Proxy(new Array(view.length).fill(undefined), {
    get(target, key) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      const raw = Number.isInteger(index) ? cells[index] : undefined;
      return raw === undefined ? Reflect.get(target, key) : type.decode(raw);
    },
    set(_, key, value) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (!(index >= 0 && index < cells.length)) throw new TypeError('A fixed array has no such element');
      cells[index] = type.encode(value) as number;
      return true;
    },
  });
}

function plainOf(part: Part, value: unknown): unknown {
  if (part.kind === 'struct') return (value as BareFields).toJSON();
  if (part.kind === 'scalar') return value;
  return Array.from(value as Iterable<unknown>, (each) => plainOf(part.element, each));
}

function closed(): never {
  throw closedError('struct');
}
