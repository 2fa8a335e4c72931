/**
 * Value and Array in a manager's server: their elements are those of this package's, but in memory of the server alone, as
 * every method runs there. So they go with the last proxy.
 */
import { ownElements } from '../../shared/array.js';
import { type Elements, type ScalarType, typeOf } from '../../shared/types.js';
import { ManagedIterator } from './iterator.js';
import { ListMethods, nothingForSelf } from './list.js';

/** Bytes, in all, of the arrays of which clients named the length and sent no elements. */
const maxNamedBytes = 2 ** 30;
/** An element that is converted is an element of an Array, and takes time to be made. */
const convertedBytes = 64;
let namedBytes = 0;
const collected = new FinalizationRegistry<number>((bytes) => {
  namedBytes -= bytes;
});

type Operation = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange';

export class ManagedValue {
  static readonly kind = 'value';
  readonly #type: ScalarType;
  readonly #cell: Elements;

  constructor(type: string, initial?: unknown) {
    this.#type = typeOf(type);
    this.#cell = ownElements(this.#type, 1);
    if (initial !== undefined) this.set(initial);
  }

  get(): unknown {
    return this.#type.decode(this.#cell[0] as number);
  }

  set(value: unknown): void {
    this.#cell[0] = this.#type.encode(value);
  }

  value(): unknown {
    return this.get();
  }

  add(operand: unknown): unknown {
    return this.#combine('add', operand);
  }

  sub(operand: unknown): unknown {
    return this.#combine('sub', operand);
  }

  and(operand: unknown): unknown {
    return this.#combine('and', operand);
  }

  or(operand: unknown): unknown {
    return this.#combine('or', operand);
  }

  xor(operand: unknown): unknown {
    return this.#combine('xor', operand);
  }

  exchange(value: unknown): unknown {
    return this.#combine('exchange', value);
  }

  compareExchange(expected: unknown, replacement: unknown): unknown {
    const type = this.#integral('compareExchange');
    const [from, to] = [type.encode(expected), type.encode(replacement)];
    return type.decode(Atomics.compareExchange(this.#cell as BigInt64Array, 0, from as bigint, to as bigint));
  }

  getValue(): unknown {
    return this.get();
  }

  /** Beyond the limits of the type it wraps around. */
  #combine(operation: Operation, operand: unknown): unknown {
    const type = this.#integral(operation);
    return type.decode(Atomics[operation](this.#cell as BigInt64Array, 0, type.encode(operand) as bigint));
  }

  #integral(operation: string): ScalarType {
    if (this.#type.integral) return this.#type;
    throw new TypeError(`A ${this.#type.name} has no ${operation}(), which is for integers`);
  }
}

/** Its methods are those of arrays, as far as they leave the length alone. */
export class ManagedArray extends ListMethods {
  static override readonly kind = 'array' as never;

  readonly #type: ScalarType;

  /**
   * @throws TypeError, RangeError for elements that are not of the type, and for a size that would take too much memory
   */
  constructor(name: string, sizeOrIterable: unknown) {
    const type = typeOf(name);
    const bytes = bytesNamed(type, sizeOrIterable);
    const elements = ownElements(type, checkedContent(type, sizeOrIterable));
    const converted = type.family === 'converted' && type.code !== 'c';
    super((converted ? Array.from(elements as Iterable<number>, type.decode) : elements) as unknown[]);
    this.#type = type;
    if (bytes > 0) {
      namedBytes += bytes;
      collected.register(this, bytes);
    }
    Object.defineProperty(this, 'fill', {
      value: (value: unknown, ...range: number[]) =>
        nothingForSelf(this.array.fill(this.#checked(value), ...range), this.array),
    });
  }

  override set(index: number, value: unknown): void {
    if (index === this.array.length) throw new RangeError(`The array has no index ${index}`);
    super.set(index, this.#checked(value));
  }

  override iter(): ManagedIterator {
    return new ManagedIterator(this.values()[Symbol.iterator](), () => 0);
  }

  override getValue(): unknown[] {
    return [...this.array];
  }

  /**
   * The element as the array holds it: as it is stored, or as it reads where that differs.
   *
   * @throws TypeError, RangeError for a value that is not of the type
   */
  #checked(value: unknown): unknown {
    const stored = this.#type.encode(value);
    return Array.isArray(this.array) ? this.#type.decode(stored) : stored;
  }
}

/** Bytes that an array of a named size takes; 0 for elements that were sent. */
function bytesNamed(type: ScalarType, size: unknown): number {
  if (typeof size !== 'number' || !(size > 0)) return 0;
  const bytes = size * (type.family === 'converted' && type.code !== 'c' ? convertedBytes : type.size);
  if (namedBytes + bytes <= maxNamedBytes) return bytes;
  throw new RangeError(
    `Expected arrays of named sizes to take at most ${maxNamedBytes} bytes in a manager's server, got ${bytes} for ${size} elements ` +
      `beside ${namedBytes}: send the elements, or use SharedArray`,
  );
}

/** A size, text, or elements each of which is of the type: none wraps around, as none does in {@link ManagedArray.set}. */
function checkedContent(type: ScalarType, content: unknown): unknown {
  const isData = typeof content === 'object' && content !== null && Symbol.iterator in content;
  return isData && !(content instanceof type.elements)
    ? Array.from(content as Iterable<unknown>, (value) => type.decode(type.encode(value)))
    : content;
}
