/** A scalar in shared memory: every access is one atomic access, and no lock is taken. */

import { inspect } from 'node:util';
import { parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { layout } from '../native.js';
import { describe } from '../options/describe.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { Block, BlockKind, closedError, type Mode, type NameOptions, objectName, unusable } from './block.js';
import { textForm } from './text-form.js';
import {
  type Elements,
  type Read,
  type ScalarType,
  type TypeName,
  typeOf,
  typeOfBlock,
  type Written,
} from './types.js';

/** Options of a value's constructor. */
export interface ScalarOptions<N extends boolean = boolean> extends NameOptions {
  /**
   * 64-bit integers (`'l' 'L' 'q' 'Q'`) read as numbers. Beyond `Number.MAX_SAFE_INTEGER` they are rounded as
   * `Number(bigint)` does. No effect on other types. Default `false`: they read as bigint.
   */
  numbers?: N | undefined;
}

/** The options of what has elements, beside its name. */
export const elementFields = { numbers: boolean };

/** {@link ScalarOptions}, of `RawValue` and `RawArray`. */
export const scalarOptions = new OptionTable<ScalarOptions>({ name: objectName, ...elementFields });
/** The same where the name is an argument of its own. */
export const scalarOpenOptions = new OptionTable<Omit<ScalarOptions, 'name'>>(elementFields);

/** What an integer may be combined with. */
export type Operand<T extends TypeName> =
  Read<T> extends bigint ? number | bigint : Read<T> extends number ? number : never;

type Operation = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange';
type Words = Int32Array | BigInt64Array;

const nothing = new Int32Array(0);

/** What {@link Value} and {@link RawValue} have in common. */
export abstract class Scalar<T extends TypeName = TypeName, N extends boolean = boolean> {
  /** The elements of the segment; empty when closed, so that the atomic operations refuse. */
  #view: Elements;
  #index: number;
  /** The fast path is for integers up to 32 bits: these limits hold none otherwise, and none when closed. */
  #low: number;
  #high: number;
  #block: Block | undefined;
  readonly #type: ScalarType;
  readonly #name: string | undefined;

  /** @internal */
  constructor(block: Block, numbers: boolean) {
    refuseClones(this);
    const type = typeOfBlock(block.type, numbers);
    if (type === undefined || block.length !== 1 || block.size < layout.dataOffset + type.size) {
      const error = unusable(block.segment, 'the type of the value in it is not known, or its size is another one');
      block.release();
      throw error;
    }
    this.#type = type;
    this.#name = block.name;
    this.#block = block;
    this.#view = block.segment.view(type.elements as new (buffer: ArrayBuffer) => Elements);
    this.#index = (block.body + layout.dataOffset) / type.size;
    const fast = type.family === 'integer';
    this.#low = fast ? (type.low as number) : 1;
    this.#high = fast ? (type.high as number) : 0;
  }

  /** `undefined` for an anonymous value. */
  get name(): string | undefined {
    return this.#name;
  }

  /**
   * The value: one atomic access. `value += 1` is two, and may lose what others do in between: use {@link add} or
   * {@link update}.
   *
   * @throws TypeError when a value of another type is assigned
   * @throws RangeError when an integer is assigned that does not fit
   * @throws ClosedError after {@link close}
   */
  get value(): Read<T, N> {
    if (this.#low < this.#high) return Atomics.load(this.#view as Int32Array, this.#index) as Read<T, N>;
    return this.#read();
  }

  set value(value: Written<T>) {
    if (typeof value === 'number' && value >= this.#low && value <= this.#high && Math.floor(value) === value) {
      Atomics.store(this.#view as Int32Array, this.#index, value);
    } else {
      this.#write(value);
    }
  }

  /**
   * Adds to an integer and returns what it was before. Beyond its limits it wraps around, as in C.
   *
   * @throws TypeError if the type is not an integer
   * @throws RangeError for an `n` that the type cannot hold: to go down, use {@link sub}
   */
  add(n: Operand<T>): Read<T, N> {
    if (typeof n === 'number' && n >= this.#low && n <= this.#high && Math.floor(n) === n) {
      return Atomics.add(this.#view as Int32Array, this.#index, n) as Read<T, N>;
    }
    return this.#combine('add', n);
  }

  /** Subtracts from an integer and returns what it was before. Otherwise as {@link add}. */
  sub(n: Operand<T>): Read<T, N> {
    if (typeof n === 'number' && n >= this.#low && n <= this.#high && Math.floor(n) === n) {
      return Atomics.sub(this.#view as Int32Array, this.#index, n) as Read<T, N>;
    }
    return this.#combine('sub', n);
  }

  /** Keeps the bits of an integer that `n` has too, and returns what it was before. */
  and(n: Operand<T>): Read<T, N> {
    return this.#combine('and', n);
  }

  /** Sets the bits of `n` in an integer, and returns what it was before. */
  or(n: Operand<T>): Read<T, N> {
    return this.#combine('or', n);
  }

  /** Flips the bits of `n` in an integer, and returns what it was before. */
  xor(n: Operand<T>): Read<T, N> {
    return this.#combine('xor', n);
  }

  /** Stores an integer and returns what it was before. */
  exchange(n: Operand<T>): Read<T, N> {
    return this.#combine('exchange', n);
  }

  /** Stores `replacement` if the integer is `expected`. Returns what it was before: `expected`, if it was stored. */
  compareExchange(expected: Operand<T>, replacement: Operand<T>): Read<T, N> {
    const type = this.#integral('compareExchange');
    const from = type.encode(expected);
    const to = type.encode(replacement);
    return type.decode(
      Atomics.compareExchange(this.#view as BigInt64Array, this.#index, from as bigint, to as bigint),
    ) as Read<T, N>;
  }

  /**
   * Replaces the value by what `fn` makes of it; no concurrent change is lost. `fn` may be called several times, whenever
   * another thread was faster.
   *
   * @param fn synchronous; gets the value
   * @returns the new value
   * @throws TypeError if `fn` returns a promise, or a value of another type
   */
  async update(fn: (value: Read<T, N>) => Written<T>, wait?: Wait): Promise<Read<T, N>> {
    parseWait(wait).signal?.throwIfAborted();
    return this.#update(fn);
  }

  /** As {@link update}, at once. There is nothing to wait for: `wait` is for values that need their lock. */
  updateSync(fn: (value: Read<T, N>) => Written<T>, wait?: Wait): Read<T, N> {
    parseSyncWait(wait);
    return this.#update(fn);
  }

  /** Lets go of the value in this process. Idempotent. */
  close(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    this.#view = nothing;
    this.#low = 1;
    this.#high = 0;
    block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous value. */
  unlink(): void {
    if (this.#name !== undefined) Block.unlink(this.#name);
  }

  /** @internal */
  [inspect.custom](): string {
    return textForm(this, this.#block && [this.#type.name, inspect(this.value)]);
  }

  /** @internal `undefined` when closed. */
  protected get block(): Block | undefined {
    return this.#block;
  }

  /** @internal */
  protected checkOpen(): Block {
    if (this.#block === undefined) throw closedError('Value');
    return this.#block;
  }

  /** @internal Whether 64-bit integers read as numbers. */
  protected get numbers(): boolean {
    return this.#type.size === 8 && this.#type.family === 'converted';
  }

  #read(): Read<T, N> {
    this.checkOpen();
    const { family } = this.#type;
    if (family === 'float') return (this.#view as Float64Array)[this.#index] as Read<T, N>;
    return this.#type.decode(Atomics.load(this.#view as Int32Array, this.#index)) as Read<T, N>;
  }

  #write(value: unknown): void {
    this.checkOpen();
    const raw = this.#type.encode(value);
    if (this.#type.family === 'float') (this.#view as Float64Array)[this.#index] = raw as number;
    else Atomics.store(this.#view as BigInt64Array, this.#index, raw as bigint);
  }

  #combine(operation: Operation, operand: unknown): Read<T, N> {
    const type = this.#integral(operation);
    const raw = type.encode(operand);
    return type.decode(Atomics[operation](this.#view as BigInt64Array, this.#index, raw as bigint)) as Read<T, N>;
  }

  #integral(operation: string): ScalarType {
    this.checkOpen();
    if (this.#type.integral) return this.#type;
    throw new TypeError(`A ${this.#type.name} has no ${operation}(), which is for integers: use update()`);
  }

  #update(fn: (value: Read<T, N>) => Written<T>): Read<T, N> {
    if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function, got ${describe(fn)}`);
    const { segment } = this.checkOpen();
    const type = this.#type;
    const index = this.#index;
    const words = bitsView(type, (elements) => segment.view(elements), this.#view);
    for (;;) {
      const before = Atomics.load(words as BigInt64Array, index);
      const result: unknown = fn(type.decode(fromBits(type, before)) as Read<T, N>);
      if (isThenable(result)) throw new TypeError('Expected "fn" to be synchronous, but it returned a promise');
      const raw = type.encode(result);
      const after = toBits(type, raw);
      // Closed by `fn`, the memory may be gone.
      this.checkOpen();
      if (Atomics.compareExchange(words as BigInt64Array, index, before, after as bigint) === before) {
        return type.decode(fromBits(type, after)) as Read<T, N>;
      }
    }
  }
}
isNoData(Scalar);

/** The block of a new value, or of the one with the name. */
export function obtainScalar(mode: Mode, name: unknown, initial: unknown, options: ScalarOptions | undefined): Block {
  const type = typeOf(name);
  const raw = initial === undefined ? undefined : type.encode(initial);
  const shape = {
    kind: BlockKind.value,
    type: type.code.charCodeAt(0),
    flags: 0,
    length: 1,
    size: layout.dataOffset + type.size,
  };
  return Block.obtain(mode, shape, options, (block) => {
    if (raw === undefined) return;
    const view = block.segment.view(type.elements as new (buffer: ArrayBuffer) => Elements);
    view[(block.body + layout.dataOffset) / type.size] = raw as number;
  });
}

// Floats are compared by their bits: there is no atomic operation on them, and NaN equals nothing.
const floats32 = new Float32Array(1);
const bits32 = new Int32Array(floats32.buffer);
const floats64 = new Float64Array(1);
const bits64 = new BigInt64Array(floats64.buffer);

function bitsView(
  type: ScalarType,
  viewOf: (elements: new (buffer: ArrayBuffer) => Words) => Words,
  view: Elements,
): Words {
  if (type.family !== 'float') return view as Words;
  return viewOf(type.size === 4 ? Int32Array : BigInt64Array);
}

function fromBits(type: ScalarType, bits: number | bigint): number | bigint {
  if (type.family !== 'float') return bits;
  if (type.size === 4) {
    bits32[0] = bits as number;
    return floats32[0] as number;
  }
  bits64[0] = bits as bigint;
  return floats64[0] as number;
}

function toBits(type: ScalarType, raw: number | bigint): number | bigint {
  if (type.family !== 'float') return raw;
  if (type.size === 4) {
    floats32[0] = raw as number;
    return bits32[0] as number;
  }
  floats64[0] = raw as number;
  return bits64[0] as bigint;
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
