/** Value and Array in a manager's server: those of this package, without a lock, as every method runs alone there. */
import { RawArray } from '../../shared/array.js';
import { RawValue } from '../../shared/value.js';
import { ManagedIterator } from './iterator.js';
import { ListMethods } from './list.js';

type Integer = RawValue<'i'>;

export class ManagedValue {
  static readonly kind = 'value';
  readonly #value: Integer;

  constructor(type: 'i', initial?: number) {
    this.#value = new RawValue(type, initial);
  }

  get(): unknown {
    return this.#value.value;
  }

  set(value: number): void {
    this.#value.value = value;
  }

  value(): unknown {
    return this.get();
  }

  add(operand: number): unknown {
    return this.#value.add(operand);
  }

  sub(operand: number): unknown {
    return this.#value.sub(operand);
  }

  and(operand: number): unknown {
    return this.#value.and(operand);
  }

  or(operand: number): unknown {
    return this.#value.or(operand);
  }

  xor(operand: number): unknown {
    return this.#value.xor(operand);
  }

  exchange(value: number): unknown {
    return this.#value.exchange(value);
  }

  compareExchange(expected: number, replacement: number): unknown {
    return this.#value.compareExchange(expected, replacement);
  }

  getValue(): unknown {
    return this.get();
  }
}

/** Its methods are those of arrays, as far as they leave the length alone. */
export class ManagedArray extends ListMethods {
  static override readonly kind = 'array' as never;

  constructor(type: 'i', sizeOrIterable: number | Iterable<number>) {
    super(new RawArray(type, sizeOrIterable) as unknown as number[]);
  }

  override set(index: number, value: unknown): void {
    if (index === this.array.length) throw new RangeError(`The array has no index ${index}`);
    super.set(index, value);
  }

  override iter(): ManagedIterator {
    return new ManagedIterator(this.values()[Symbol.iterator](), () => 0);
  }

  override getValue(): unknown[] {
    return [...this.array];
  }
}
