/** Value: a scalar or a struct in shared memory with a lock of its own. */
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival, type Traveller } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { Block, BlockKind, blockOf, objectName } from './block.js';
import { type LockLike, type LockOptions, OwnLock, ownLockFields } from './own-lock.js';
import { elementFields, obtainScalar, Scalar, type ScalarOptions, scalarOpenOptions, scalarOptions } from './scalar.js';
import type { FieldTypes, StructType, WrittenFields } from './struct.js';
import { holdsStructs } from './struct-block.js';
import {
  isStructValue,
  obtainStructValue,
  type RawStructValue,
  type StructValue,
  structValueOver,
} from './struct-value.js';
import type { TypeName, Written } from './types.js';

/** Options of {@link Value}. */
export interface ValueOptions<N extends boolean = boolean> extends ScalarOptions<N>, LockOptions {}

const valueOpenOptions = new OptionTable<Omit<ValueOptions, 'name'>>({ ...elementFields, ...ownLockFields });
const valueOptions = new OptionTable<ValueOptions>({ name: objectName, ...elementFields, ...ownLockFields });

const numbersFlag = 1;
const withoutLockFlag = 2;

/**
 * A number, boolean or character that threads of any processes share; mirrors `multiprocessing.Value`.
 *
 * In Python reading and assigning `value` take the lock; here each is one atomic access, and {@link add} and
 * {@link update} change the value without a lock, too. The lock is for what belongs together.
 */
class ScalarValue<T extends TypeName = TypeName, N extends boolean = false> extends Scalar<T, N> implements Traveller {
  /** Of every scalar; the constructor's type checker does not see it. */
  readonly #lock: OwnLock | undefined;

  /**
   * Makes an anonymous value, or opens the named one, which is made with `initial` if it is missing.
   *
   * @param type a typecode (`'i'`) or a long name (`'int32'`)
   * @param initial absent: zero, `false`, `'\0'`
   * @throws TypeError for an unknown type, an `initial` of another type, or a `lock` without `acquire`
   * @throws RangeError for an integer that does not fit
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  constructor(type: T, initial?: Written<T>, options?: ValueOptions<N>);
  /** @internal */
  constructor(block: Block, ignored: undefined, options?: ValueOptions<N>);
  // biome-ignore lint/correctness/noUnreachableSuper: a struct's value is an object of another class
  constructor(type: T | Block, initial?: Written<T>, options?: ValueOptions<N>) {
    if (!(type instanceof Block)) valueOptions.check(options, 'Value');
    const struct = obtainStructValue('open-or-create', type, initial, options, () => new OwnLock(options?.lock));
    // biome-ignore lint/correctness/noConstructorReturn: a struct's value has a class of its own
    if (struct !== undefined) return struct as never;
    const lock = new OwnLock(options?.lock);
    const numbers = options?.numbers ?? false;
    super(type instanceof Block ? type : obtainScalar('open-or-create', type, initial, options), numbers);
    this.#lock = lock;
  }

  /** Makes a value that must not exist yet: `EEXIST`. */
  static create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ValueOptions<N>,
  ): ScalarValue<T, N> {
    valueOptions.check(options, 'Value');
    const struct = obtainStructValue('create', type, initial, options, () => new OwnLock(options?.lock));
    if (struct !== undefined) return struct as ScalarValue<T, N>;
    return new ScalarValue<T, N>(obtainScalar('create', type, initial, options), undefined, options);
  }

  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  static open<T extends TypeName = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ValueOptions<N>, 'name'>,
  ): ScalarValue<T, N> {
    valueOpenOptions.check(options, 'Value.open');
    const lock = new OwnLock(options?.lock);
    const block = Block.open(name, BlockKind.value);
    if (holdsStructs(block)) return structValueOver(block, lock) as ScalarValue<T, N>;
    return new ScalarValue<T, N>(block, undefined, options);
  }

  /** Removes the name; those who have the value open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /**
   * The lock that was given to the constructor; else an RLock inside the value, the same one for all who have it.
   * Mirrors `get_lock`.
   *
   * @throws ValueError if the value was made with `lock: false`
   */
  getLock(): Lock | RLock {
    return (this.#lock as OwnLock).get(this.block, 'Value');
  }

  /** Lets go of the value, and of its own lock, in this process. Idempotent. */
  override close(): void {
    this.#lock?.close();
    super.close();
  }

  /** @internal */
  [blockOf](): Block {
    return this.checkOpen();
  }

  /** @internal */
  [depart](): Departure {
    const given = this.#lock?.given;
    const flags = (this.numbers ? numbersFlag : 0) | (given === false ? withoutLockFlag : 0);
    return this.checkOpen().depart(HandleKind.value, flags, given ? [given] : []);
  }
}

/** A {@link Value} without a lock; mirrors `multiprocessing.sharedctypes.RawValue`. */
class RawScalarValue<T extends TypeName = TypeName, N extends boolean = false>
  extends Scalar<T, N>
  implements Traveller
{
  /** As the constructor of {@link Value}. */
  constructor(type: T, initial?: Written<T>, options?: ScalarOptions<N>);
  /** @internal */
  constructor(block: Block, ignored: undefined, options?: ScalarOptions<N>);
  // biome-ignore lint/correctness/noUnreachableSuper: a struct's value is an object of another class
  constructor(type: T | Block, initial?: Written<T>, options?: ScalarOptions<N>) {
    if (!(type instanceof Block)) scalarOptions.check(options, 'RawValue');
    const struct = obtainStructValue('open-or-create', type, initial, options, noLock);
    // biome-ignore lint/correctness/noConstructorReturn: a struct's value has a class of its own
    if (struct !== undefined) return struct as never;
    const numbers = options?.numbers ?? false;
    super(type instanceof Block ? type : obtainScalar('open-or-create', type, initial, options), numbers);
  }

  /** Makes a value that must not exist yet: `EEXIST`. */
  static create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ScalarOptions<N>,
  ): RawScalarValue<T, N> {
    scalarOptions.check(options, 'RawValue');
    const struct = obtainStructValue('create', type, initial, options, noLock);
    if (struct !== undefined) return struct as RawScalarValue<T, N>;
    return new RawScalarValue<T, N>(obtainScalar('create', type, initial, options), undefined, options);
  }

  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  static open<T extends TypeName = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ScalarOptions<N>, 'name'>,
  ): RawScalarValue<T, N> {
    scalarOpenOptions.check(options, 'RawValue.open');
    const block = Block.open(name, BlockKind.value);
    if (holdsStructs(block)) return structValueOver(block, undefined) as RawScalarValue<T, N>;
    return new RawScalarValue<T, N>(block, undefined, options);
  }

  /** Removes the name; those who have the value open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** @internal */
  [blockOf](): Block {
    return this.checkOpen();
  }

  /** @internal */
  [depart](): Departure {
    return this.checkOpen().depart(HandleKind.rawValue, this.numbers ? numbersFlag : 0);
  }
}

/** What `Value` and `RawValue` take as type. */
// biome-ignore lint/suspicious/noExplicitAny: the fields of any struct
type ValueType = TypeName | StructType<any>;

/** What `new Value(type)` is. */
export type Value<T extends ValueType = TypeName, N extends boolean = false> =
  T extends StructType<infer F> ? StructValue<F> : ScalarValue<Extract<T, TypeName>, N>;

/** What `new RawValue(type)` is. */
export type RawValue<T extends ValueType = TypeName, N extends boolean = false> =
  T extends StructType<infer F> ? RawStructValue<F> : RawScalarValue<Extract<T, TypeName>, N>;

/** The class `Value`. */
export interface ValueConstructor {
  /**
   * Makes an anonymous value, or opens the named one, which is made with `initial` if it is missing.
   *
   * @param type a typecode (`'i'`), a long name (`'int32'`) or a struct
   * @param initial absent: zero, `false`, `'\0'`
   * @throws TypeError for an unknown type, an `initial` of another type, a `lock` without `acquire`, or a struct with a field
   *   that is named like a member of its value
   * @throws RangeError for an integer that does not fit
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else
   */
  new <F extends FieldTypes>(type: StructType<F>, initial?: WrittenFields<F>, options?: ValueOptions): StructValue<F>;
  new <T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ValueOptions<N>,
  ): ScalarValue<T, N>;
  /** Makes a value that must not exist yet: `EEXIST`. */
  create<F extends FieldTypes>(type: StructType<F>, initial?: WrittenFields<F>, options?: ValueOptions): StructValue<F>;
  create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ValueOptions<N>,
  ): ScalarValue<T, N>;
  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  open<T extends ValueType = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ValueOptions<N>, 'name'>,
  ): Value<T, N>;
  /** Removes the name; those who have the value open go on using it. `ENOENT` if there is none. */
  unlink(name: string): void;
  /** Whether it is such a value, of whatever type. */
  [Symbol.hasInstance](value: unknown): value is ScalarValue;
  readonly prototype: ScalarValue;
}

/** The class `RawValue`: as {@link ValueConstructor}, without locks. */
export interface RawValueConstructor {
  /** As the constructor of {@link ValueConstructor | Value}. */
  new <F extends FieldTypes>(
    type: StructType<F>,
    initial?: WrittenFields<F>,
    options?: ScalarOptions,
  ): RawStructValue<F>;
  new <T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ScalarOptions<N>,
  ): RawScalarValue<T, N>;
  /** Makes a value that must not exist yet: `EEXIST`. */
  create<F extends FieldTypes>(
    type: StructType<F>,
    initial?: WrittenFields<F>,
    options?: ScalarOptions,
  ): RawStructValue<F>;
  create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ScalarOptions<N>,
  ): RawScalarValue<T, N>;
  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  open<T extends ValueType = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ScalarOptions<N>, 'name'>,
  ): RawValue<T, N>;
  /** Removes the name; those who have the value open go on using it. `ENOENT` if there is none. */
  unlink(name: string): void;
  /** Whether it is such a value, of whatever type. */
  [Symbol.hasInstance](value: unknown): value is RawScalarValue;
  readonly prototype: RawScalarValue;
}

/** A number, character or struct that processes share, with a lock; mirrors `multiprocessing.Value`. */
export const Value: ValueConstructor = ScalarValue as unknown as ValueConstructor;
/** As {@link Value}, without a lock; mirrors `multiprocessing.sharedctypes.RawValue`. */
export const RawValue: RawValueConstructor = RawScalarValue as unknown as RawValueConstructor;

for (const [valueClass, name, locked] of [
  [ScalarValue, 'Value', true],
  [RawScalarValue, 'RawValue', false],
] as const) {
  const isInstance = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(valueClass, 'name', { value: name });
  // The values of structs have classes of their own.
  Object.defineProperty(valueClass, Symbol.hasInstance, {
    value(this: unknown, value: unknown) {
      return (
        isInstance.call(this as typeof ScalarValue, value) || (this === valueClass && isStructValue(value, locked))
      );
    },
  });
}

function noLock(): undefined {
  return undefined;
}

registerArrival(HandleKind.value, (handle) => {
  const lock = (handle.flags & withoutLockFlag) !== 0 ? false : (handle.nested[0] as LockLike | undefined);
  const numbers = (handle.flags & numbersFlag) !== 0;
  const block = Block.arrive(handle, BlockKind.value);
  if (holdsStructs(block)) return structValueOver(block, new OwnLock(lock)) as Traveller;
  return new ScalarValue<TypeName, boolean>(block, undefined, { lock, numbers });
});

registerArrival(HandleKind.rawValue, (handle) => {
  const numbers = (handle.flags & numbersFlag) !== 0;
  const block = Block.arrive(handle, BlockKind.value);
  if (holdsStructs(block)) return structValueOver(block, undefined) as Traveller;
  return new RawScalarValue<TypeName, boolean>(block, undefined, { numbers });
});
