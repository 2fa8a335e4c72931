/** Value: a scalar in shared memory with a lock of its own. */
import { type Departure, depart, HandleKind, registerArrival, type Traveller } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { Block, BlockKind } from './block.js';
import { type LockLike, type LockOptions, OwnLock } from './own-lock.js';
import { numbersOf, obtainScalar, Scalar, type ScalarOptions } from './scalar.js';
import type { TypeName, Written } from './types.js';

/** Options of {@link Value}. */
export interface ValueOptions<N extends boolean = boolean> extends ScalarOptions<N>, LockOptions {}

const numbersFlag = 1;
const withoutLockFlag = 2;

/**
 * A number, boolean or character that threads of any processes share; mirrors `multiprocessing.Value`.
 *
 * In Python reading and assigning `value` take the lock; here each is one atomic access, and {@link add} and
 * {@link update} change the value without a lock, too. The lock is for what belongs together.
 */
export class Value<T extends TypeName = TypeName, N extends boolean = false> extends Scalar<T, N> implements Traveller {
  readonly #lock: OwnLock;

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
  constructor(type: T | Block, initial?: Written<T>, options?: ValueOptions<N>) {
    const lock = new OwnLock(options?.lock);
    const numbers = numbersOf(options);
    super(type instanceof Block ? type : obtainScalar('open-or-create', type, initial, options), numbers);
    this.#lock = lock;
  }

  /** Makes a value that must not exist yet: `EEXIST`. */
  static create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ValueOptions<N>,
  ): Value<T, N> {
    return new Value<T, N>(obtainScalar('create', type, initial, options), undefined, options);
  }

  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  static open<T extends TypeName = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ValueOptions<N>, 'name'>,
  ): Value<T, N> {
    return new Value<T, N>(Block.open(name, BlockKind.value), undefined, options);
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
    return this.#lock.get(this.block, 'Value');
  }

  /** Lets go of the value, and of its own lock, in this process. Idempotent. */
  override close(): void {
    this.#lock.close();
    super.close();
  }

  /** @internal */
  [depart](): Departure {
    const { given } = this.#lock;
    const flags = (this.numbers ? numbersFlag : 0) | (given === false ? withoutLockFlag : 0);
    return this.checkOpen().depart(HandleKind.value, flags, given ? [given] : []);
  }
}

/** A {@link Value} without a lock; mirrors `multiprocessing.sharedctypes.RawValue`. */
export class RawValue<T extends TypeName = TypeName, N extends boolean = false>
  extends Scalar<T, N>
  implements Traveller
{
  /** As the constructor of {@link Value}. */
  constructor(type: T, initial?: Written<T>, options?: ScalarOptions<N>);
  /** @internal */
  constructor(block: Block, ignored: undefined, options?: ScalarOptions<N>);
  constructor(type: T | Block, initial?: Written<T>, options?: ScalarOptions<N>) {
    const numbers = numbersOf(options);
    super(type instanceof Block ? type : obtainScalar('open-or-create', type, initial, options), numbers);
  }

  /** Makes a value that must not exist yet: `EEXIST`. */
  static create<T extends TypeName, N extends boolean = false>(
    type: T,
    initial?: Written<T>,
    options?: ScalarOptions<N>,
  ): RawValue<T, N> {
    return new RawValue<T, N>(obtainScalar('create', type, initial, options), undefined, options);
  }

  /** Opens a value that must exist: `ENOENT`. It has the type it was made with. */
  static open<T extends TypeName = TypeName, N extends boolean = false>(
    name: string,
    options?: Omit<ScalarOptions<N>, 'name'>,
  ): RawValue<T, N> {
    return new RawValue<T, N>(Block.open(name, BlockKind.value), undefined, options);
  }

  /** Removes the name; those who have the value open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** @internal */
  [depart](): Departure {
    return this.checkOpen().depart(HandleKind.rawValue, this.numbers ? numbersFlag : 0);
  }
}

registerArrival(HandleKind.value, (handle) => {
  const lock = (handle.flags & withoutLockFlag) !== 0 ? false : (handle.nested[0] as LockLike | undefined);
  const numbers = (handle.flags & numbersFlag) !== 0;
  return new Value<TypeName, boolean>(Block.arrive(handle, BlockKind.value), undefined, { lock, numbers });
});

registerArrival(HandleKind.rawValue, (handle) => {
  const numbers = (handle.flags & numbersFlag) !== 0;
  return new RawValue<TypeName, boolean>(Block.arrive(handle, BlockKind.value), undefined, { numbers });
});
