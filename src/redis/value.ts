/** Value on a Redis server: one number or boolean, changed atomically. */
import { parseWait, type Wait } from '../deadline.js';
import { type ClosedError, MultiprocError } from '../errors.js';
import { describe } from '../options/describe.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { objectName } from '../shared/block.js';
import type { Operand } from '../shared/scalar.js';
import { type Read, type ScalarType, type TypeName, typeOf, type Written } from '../shared/types.js';
import { noSync } from './errors.js';
import type { Link } from './link.js';
import { RedisObject } from './object.js';
import { RedisRLock } from './rlock.js';
import { Script } from './script.js';

/** Options of a value of a Redis context. */
export interface RedisValueOptions {
  /** The value's name. */
  name: string;
  /** Integers of 64 bits read as numbers. */
  numbers?: boolean | undefined;
}

const valueOptions = new OptionTable<RedisValueOptions>({ name: objectName, numbers: boolean });

const opened = `
  local state = KEYS[2]
  local h = call('HMGET', state, 'type', 'value')
  if not h[1] then
    h = { args[1], args[2] }
    call('HSET', state, 'type', h[1], 'value', h[2])
  elseif h[1] ~= args[1] then
    return { 0, -1, h[1] }
  end
`;

const read = new Script('reading a value', `local args = ARGV ${opened} return { 1, h[2] }`);

const write = new Script('writing a value', `${opened} call('HSET', state, 'value', args[3]) return { 1, h[2] }`, true);

const swap = new Script(
  'changing a value',
  `${opened}
  if h[2] ~= args[3] then return { 0, 1, h[2] } end
  call('HSET', state, 'value', args[4])
  return { 1, h[2] }
`,
  true,
);

/** Adds to an integer of up to 32 bits, which a Lua number holds; beyond its limits it wraps around. */
const add = new Script(
  'adding to a value',
  `${opened}
  local low, range = tonumber(args[4]), tonumber(args[5])
  local sum = (tonumber(h[2]) + args[3] - low) % range + low
  call('HSET', state, 'value', string.format('%.0f', sum))
  return { 1, h[2] }
`,
  true,
);

/** One scalar of a C type, which all programs with the name share. */
export class RedisValue<T extends TypeName = TypeName, N extends boolean = false> extends RedisObject {
  readonly #type: ScalarType;
  readonly #initial: string;

  /** @internal */
  constructor(link: Link, kind: string, type: T, initial: unknown, options: RedisValueOptions | undefined) {
    valueOptions.check(options, kind);
    const scalar = typeOf(type, options?.numbers);
    const raw = initial === undefined ? 0 : scalar.encode(initial);
    super(link, kind, options);
    this.#type = scalar;
    this.#initial = textOf(raw);
  }

  /** The value: `await counter.value`. Assigning throws: use {@link set}. */
  get value(): Promise<Read<T, N>> {
    return this.get();
  }

  set value(_value: never) {
    throw noSync('Assigning to "value"', 'set(value)');
  }

  /** The value. */
  async get(): Promise<Read<T, N>> {
    return this.#decoded((await this.#run(read, []))[1]);
  }

  /**
   * Stores a value.
   *
   * @throws TypeError for a value of another type; RangeError for an integer that does not fit
   */
  async set(value: Written<T>): Promise<void> {
    await this.#run(write, [textOf(this.#type.encode(value))]);
  }

  /**
   * Adds to an integer and returns what it was before. Beyond its limits it wraps around, as in C.
   *
   * @throws TypeError if the type is not an integer; RangeError for an `n` that the type cannot hold
   */
  async add(n: Operand<T>): Promise<Read<T, N>> {
    return this.#add(this.#integral('add').encode(n), 1);
  }

  /** Subtracts from an integer and returns what it was before. Otherwise as {@link add}. */
  async sub(n: Operand<T>): Promise<Read<T, N>> {
    return this.#add(this.#integral('sub').encode(n), -1);
  }

  /** Keeps the bits of an integer that `n` has too, and returns what it was before. */
  async and(n: Operand<T>): Promise<Read<T, N>> {
    return this.#bits('and', n, (a, b) => a & b);
  }

  /** Sets the bits of `n` in an integer, and returns what it was before. */
  async or(n: Operand<T>): Promise<Read<T, N>> {
    return this.#bits('or', n, (a, b) => a | b);
  }

  /** Flips the bits of `n` in an integer, and returns what it was before. */
  async xor(n: Operand<T>): Promise<Read<T, N>> {
    return this.#bits('xor', n, (a, b) => a ^ b);
  }

  /** Stores an integer and returns what it was before. */
  async exchange(n: Operand<T>): Promise<Read<T, N>> {
    const raw = this.#integral('exchange').encode(n);
    return this.#decoded((await this.#run(write, [textOf(raw)]))[1]);
  }

  /** Stores `replacement` if the integer is `expected`. Returns what it was before: `expected`, if it was stored. */
  async compareExchange(expected: Operand<T>, replacement: Operand<T>): Promise<Read<T, N>> {
    const type = this.#integral('compareExchange');
    const reply = await this.#run(swap, [textOf(type.encode(expected)), textOf(type.encode(replacement))]);
    return this.#decoded(reply[0] === 1 ? reply[1] : reply[2]);
  }

  /**
   * Replaces the value by what `fn` makes of it; no concurrent change is lost. `fn` may be called several times, whenever another
   * client was faster.
   *
   * @param fn synchronous; gets the value
   * @returns the new value
   */
  async update(fn: (value: Read<T, N>) => Written<T>, wait?: Wait): Promise<Read<T, N>> {
    const { signal } = parseWait(wait);
    if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function, got ${describe(fn)}`);
    const change = (raw: number | bigint) => {
      signal?.throwIfAborted();
      const result: unknown = fn(this.#type.decode(raw) as Read<T, N>);
      if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
        throw new TypeError('Expected "fn" to be synchronous, but it returned a promise');
      }
      return this.#type.encode(result);
    };
    return this.#type.decode((await this.#change(change))[1]) as Read<T, N>;
  }

  /** Throws: an answer of Redis needs the event loop. */
  updateSync(_fn: (value: Read<T, N>) => Written<T>, _wait?: Wait): never {
    throw noSync('updateSync()', 'update()');
  }

  /** An RLock that belongs to the value, for changes of several steps. */
  getLock(): RedisRLock {
    return new RedisRLock(this.link, 'RLock', { name: `${this.name}.lock` }, 30_000);
  }

  /** @internal */
  protected override closing(_error: ClosedError): void {}

  #integral(operation: string): ScalarType {
    this.checkOpen();
    if (this.#type.integral) return this.#type;
    throw new TypeError(`A ${this.#type.name} has no ${operation}(), which is for integers: use update()`);
  }

  async #add(n: number | bigint, sign: 1 | -1): Promise<Read<T, N>> {
    const { low, high, size } = this.#type;
    if (size < 8) {
      const range = Number(high) - Number(low) + 1;
      const reply = await this.#run(add, [sign * Number(n), Number(low), range]);
      return this.#decoded(reply[1]);
    }
    const [before] = await this.#change((raw) => this.#wrapped(BigInt(raw) + BigInt(sign) * BigInt(n)));
    return this.#type.decode(before) as Read<T, N>;
  }

  async #bits(operation: string, n: Operand<T>, combine: (a: bigint, b: bigint) => bigint): Promise<Read<T, N>> {
    const operand = BigInt(this.#integral(operation).encode(n));
    const [before] = await this.#change((raw) => this.#wrapped(combine(BigInt(raw), operand)));
    return this.#type.decode(before) as Read<T, N>;
  }

  #wrapped(value: bigint): number | bigint {
    const { low, size } = this.#type;
    const bits = size * 8;
    const wrapped = BigInt(low) < 0n ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    return size === 8 ? wrapped : Number(wrapped);
  }

  /** Changes the value by comparing and swapping. Returns what it was, and what it is. */
  async #change(change: (raw: number | bigint) => number | bigint): Promise<[number | bigint, number | bigint]> {
    let before = String((await this.#run(read, []))[1]);
    for (;;) {
      const after = change(this.#raw(before));
      const reply = await this.#run(swap, [before, textOf(after)]);
      if (reply[0] === 1) return [this.#raw(before), after];
      before = String(reply[2]);
    }
  }

  #raw(text: string): number | bigint {
    return this.#type.size === 8 && this.#type.integral ? BigInt(text) : Number(text);
  }

  #decoded(text: unknown): Read<T, N> {
    return this.#type.decode(this.#raw(String(text))) as Read<T, N>;
  }

  async #run(script: Script, args: (string | number)[]): Promise<readonly unknown[]> {
    this.checkOpen();
    const keys = [this.key('ops'), this.key('state')];
    const reply = (await this.link.run(script, keys, [this.#type.code, this.#initial, ...args])) as unknown[];
    if (reply[0] !== 0 || reply[1] !== -1) return reply;
    throw new MultiprocError(
      `The Value '${this.name}' has the type '${reply[2]}', not '${this.#type.code}': give the same type, or unlink() it`,
      { code: 'ERR_MULTIPROC_KIND' },
    );
  }
}

/** The text of a raw value, which reads back as the same one. */
function textOf(raw: number | bigint): string {
  return Object.is(raw, -0) ? '-0' : String(raw);
}
