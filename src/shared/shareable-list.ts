/** ShareableList: a list of numbers, text and bytes in raw shared memory, byte for byte as CPython lays it out. */

import { inspect } from 'node:util';
import { MultiprocError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { describe } from '../options/describe.js';
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival, type Traveller } from '../serialize/handles.js';
import { lasting, objectName } from './block.js';
import { arriveMemory, SharedMemory } from './memory.js';

/** What a slot may hold. Integers beyond 2^53 read as bigint; a number with a fraction is a float. */
export type Shareable = number | bigint | boolean | string | Uint8Array | null;

/** Options of {@link ShareableList}. */
export interface ShareableListOptions {
  /** As {@link SharedMemory} takes it. Without: a generated one. */
  name?: string | undefined;
}

const listOptions = new OptionTable<ShareableListOptions>({ name: objectName });

// The memory: the number of slots n; n + 1 places, in bytes from the start of the slots; the slots; a format of 8 bytes for
// each; one byte for each that says how to read it. All numbers have 8 bytes, little-endian.
const word = 8;
/** How a slot is read. */
const Back = { plain: 0, text: 1, bytes: 2, null: 3 } as const;

/**
 * A list of a fixed number of slots in shared memory; mirrors `multiprocessing.shared_memory.ShareableList`, and is the same
 * in memory: Python opens what is made here, by its name, and back.
 *
 * A slot has the size that its first value needs: 8 bytes for numbers, booleans and null, for text (UTF-8) and bytes the next
 * multiple of 8 above their length. It may get a value of another type that fits. There is no lock.
 *
 * As in Python, NUL bytes at the end of text or bytes are lost, and an integer is told from a float by how it is stored: a
 * JavaScript number without a fraction is stored as an integer, except in a slot that holds a float.
 */
export class ShareableList implements Traveller {
  readonly #memory: SharedMemory;
  readonly #length: number;
  /** Where the slots start, and each one's place from there; one more for their end. In bytes. */
  readonly #slots: number;
  readonly #places: readonly number[];

  /**
   * Makes a list of the values, empty without any; with a name but no values, opens the list with that name.
   *
   * @throws TypeError for values of other types; RangeError for an integer of more than 64 bits
   * @throws SystemError `EEXIST` if the name is taken; `ENOENT` if there is none to open
   * @throws MultiprocError `ERR_MULTIPROC_KIND` for memory that holds no list
   */
  constructor(iterable?: Iterable<Shareable> | null, options?: ShareableListOptions);
  /** @internal */
  constructor(memory: SharedMemory);
  constructor(source?: Iterable<Shareable> | SharedMemory | null, options?: ShareableListOptions) {
    refuseClones(this);
    if (!(source instanceof SharedMemory)) listOptions.check(options, 'ShareableList');
    if (source instanceof SharedMemory) {
      this.#memory = source;
    } else if ((source === undefined || source === null) && options?.name !== undefined) {
      this.#memory = SharedMemory.open(options.name);
    } else {
      this.#memory = make(checkIterable(source ?? []), options?.name);
    }
    try {
      this.#places = readPlaces(this.#memory);
    } catch (error) {
      this.#memory.close();
      throw error;
    }
    this.#length = this.#places.length - 1;
    this.#slots = (this.#length + 2) * word;
  }

  /** Makes a list that must not exist yet: `EEXIST`. */
  static create(iterable?: Iterable<Shareable> | null, options?: ShareableListOptions): ShareableList {
    return new ShareableList(iterable ?? [], options);
  }

  /** Opens a list that must exist: `ENOENT`. */
  static open(name: string): ShareableList {
    return new ShareableList(SharedMemory.open(name));
  }

  /** Removes the name; those who have the list open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    SharedMemory.unlink(name);
  }

  /** The name of its memory, by which other programs open it. */
  get name(): string {
    return this.#memory.name;
  }

  /** The memory that the list lies in. */
  get shm(): SharedMemory {
    return this.#memory;
  }

  /** How many values it has; that never changes. */
  get length(): number {
    this.#memory.bytes;
    return this.#length;
  }

  /** The formats of all slots, as Python's `struct` writes them: `'q8sd'`. */
  get format(): string {
    this.#memory.bytes;
    return Array.from({ length: this.#length }, (_, i) => this.#formatAt(i)).join('');
  }

  /**
   * The value; negative indices count from the end.
   *
   * @throws RangeError if there is no such slot
   * @throws ValueError for a slot that another program has damaged
   */
  at(index: number): Shareable {
    const slot = this.#check(index);
    const { bytes } = this.#memory;
    const format = this.#formatAt(slot);
    const start = this.#slots + (this.#places[slot] as number);
    const room = this.#room(slot);
    const back = bytes[this.#backs + slot];
    if (back === Back.null) return null;
    const data = new DataView(bytes.buffer, bytes.byteOffset + start, room);
    if (format === 'q' && room >= 8) return narrow(data.getBigInt64(0, true));
    if (format === 'd' && room >= 8) return data.getFloat64(0, true);
    if (format === 'xxxxxxx?' && room >= 8) return data.getUint8(7) !== 0;
    const length = /^(\d+)s$/.exec(format)?.[1];
    if (length === undefined || Number(length) > room || (back !== Back.text && back !== Back.bytes)) {
      throw new ValueError(`The slot ${slot} of the list '${this.name}' is damaged: its format is '${format}'`);
    }
    let end = start + Number(length);
    while (end > start && bytes[end - 1] === 0) end--;
    const content = Buffer.from(bytes.subarray(start, end));
    return back === Back.text ? content.toString() : content;
  }

  /**
   * Stores a value, or nothing at all if that fails.
   *
   * @throws RangeError if there is no such slot, or for an integer of more than 64 bits
   * @throws ValueError for text or bytes that are longer than the slot
   * @throws TypeError for a value of another type
   */
  set(index: number, value: Shareable): void {
    const slot = this.#check(index);
    const { bytes } = this.#memory;
    const room = this.#room(slot);
    const item = encode(value, this.#formatAt(slot) === 'd');
    if (item.bytes.length > room) {
      throw new ValueError(`Expected at most ${room} bytes, the size of the slot ${slot}, got ${item.bytes.length}`);
    }
    // Python keeps the format of text that was made with the slot, and gives shorter text the whole of it, too.
    const format = item.back === Back.text || item.back === Back.bytes ? `${room}s` : item.format;
    const start = this.#slots + (this.#places[slot] as number);
    bytes.fill(0, start, start + room);
    bytes.set(item.bytes, start);
    bytes.set(formatBytes(format), this.#formats + slot * word);
    bytes[this.#backs + slot] = item.back;
  }

  /** How often the value is in the list. */
  count(value: Shareable): number {
    let found = 0;
    for (const each of this) if (same(each, value)) found++;
    return found;
  }

  /**
   * The first slot with the value.
   *
   * @throws ValueError if there is none
   */
  index(value: Shareable): number {
    for (let i = 0; i < this.#length; i++) if (same(this.at(i), value)) return i;
    throw new ValueError(`${describe(value)} is not in the list`);
  }

  /** The values, read as they come. */
  *[Symbol.iterator](): IterableIterator<Shareable> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  /** Lets go of the list in this process. Idempotent. */
  close(): void {
    this.#memory.close();
  }

  /** Removes the name: `ENOENT` if it is gone already. */
  unlink(): void {
    this.#memory.unlink();
  }

  /** @internal */
  [depart](): Departure {
    const departure = this.#memory[depart]();
    return { handle: { ...departure.handle, kind: HandleKind.shareableList }, cancel: departure.cancel };
  }

  /** @internal */
  [inspect.custom](): unknown {
    const content = this.#memory.isOpen ? inspect([...this]) : 'closed';
    return `ShareableList(${content}, name=${this.name})`;
  }

  get #formats(): number {
    return this.#slots + (this.#places[this.#length] as number);
  }

  get #backs(): number {
    return this.#formats + this.#length * word;
  }

  #room(slot: number): number {
    return (this.#places[slot + 1] as number) - (this.#places[slot] as number);
  }

  #formatAt(slot: number): string {
    const start = this.#formats + slot * word;
    return Buffer.from(this.#memory.bytes.subarray(start, start + word))
      .toString('latin1')
      .replace(/\0+$/, '');
  }

  #check(index: number): number {
    if (!Number.isInteger(index)) throw new TypeError(`Expected "index" to be an integer, got ${describe(index)}`);
    const slot = index < 0 ? index + this.#length : index;
    if (slot < 0 || slot >= this.#length) {
      throw new RangeError(`Expected an index from ${-this.#length} to ${this.#length - 1}, got ${index}`);
    }
    return slot;
  }
}
isNoData(ShareableList);

/** A value as it is stored. */
interface Item {
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly back: number;
}

/** @param float the slot holds a float: a number stays one */
function encode(value: unknown, float = false): Item {
  if (value === null) return { bytes: new Uint8Array(word), format: 'xxxxxx?x', back: Back.null };
  if (typeof value === 'boolean') return { bytes: lastByte(value), format: 'xxxxxxx?', back: Back.plain };
  if (typeof value === 'string') return { bytes: Buffer.from(value), format: '', back: Back.text };
  if (value instanceof Uint8Array) return { bytes: value, format: '', back: Back.bytes };
  const bytes = Buffer.alloc(word);
  if (typeof value === 'bigint' || (!float && Number.isSafeInteger(value) && !Object.is(value, -0))) {
    const integer = BigInt(value as number | bigint);
    if (BigInt.asIntN(64, integer) !== integer) throw new RangeError(`Expected an integer of 64 bits, got ${integer}`);
    bytes.writeBigInt64LE(integer);
    return { bytes, format: 'q', back: Back.plain };
  }
  if (typeof value === 'number') {
    bytes.writeDoubleLE(value);
    return { bytes, format: 'd', back: Back.plain };
  }
  throw new TypeError(`Expected a number, a bigint, a boolean, a string, bytes or null, got ${describe(value)}`);
}

function lastByte(value: boolean): Uint8Array {
  const bytes = new Uint8Array(word);
  bytes[word - 1] = Number(value);
  return bytes;
}

/** Numbers and booleans have 8 bytes; text and bytes the next multiple of 8 above their length, so at least one NUL. */
function allot({ bytes, back }: Item): number {
  return back === Back.text || back === Back.bytes ? word * (Math.floor(bytes.length / word) + 1) : word;
}

function checkIterable(source: unknown): Iterable<Shareable> {
  if (typeof (source as Partial<Iterable<Shareable>>)[Symbol.iterator] === 'function')
    return source as Iterable<Shareable>;
  throw new TypeError(`Expected an iterable of values, got ${describe(source)}`);
}

function make(values: Iterable<Shareable>, name: string | undefined): SharedMemory {
  const items = Array.from(values, (value) => encode(value));
  const sizes = items.map(allot);
  const slots = (items.length + 2) * word;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const memory = SharedMemory.create({ name, size: slots + total + items.length * (word + 1) });
  const { bytes } = memory;
  const view = new DataView(memory.buffer);
  let place = 0;
  for (const [i, item] of items.entries()) {
    const size = sizes[i] as number;
    view.setBigInt64((i + 1) * word, BigInt(place), true);
    bytes.set(item.bytes, slots + place);
    bytes.set(formatBytes(item.format || `${size}s`), slots + total + i * word);
    bytes[slots + total + items.length * word + i] = item.back;
    place += size;
  }
  view.setBigInt64((items.length + 1) * word, BigInt(place), true);
  view.setBigInt64(0, BigInt(items.length), true);
  return memory;
}

function formatBytes(format: string): Buffer {
  const bytes = Buffer.alloc(word);
  bytes.write(format, 'latin1');
  return bytes;
}

/** The places of the slots, all inside the memory. */
function readPlaces(memory: SharedMemory): number[] {
  const view = new DataView(memory.buffer);
  const size = memory.size;
  const length = size >= 2 * word ? Number(view.getBigInt64(0, true)) : -1;
  const room = size - (length + 2) * word - length * (word + 1);
  if (!(length >= 0 && room >= 0)) throw notAList(memory);
  const places: number[] = [];
  let last = 0;
  for (let i = 0; i <= length; i++) {
    const place = Number(view.getBigInt64((i + 1) * word, true));
    // A slot takes a word at least. Otherwise a sparse file of zeros would be a list of so many values as it has words.
    if (!(place >= last && place <= room) || (place === 0) !== (i === 0) || (i > 0 && place < last + word)) {
      throw notAList(memory);
    }
    places.push(place);
    last = place;
  }
  return places;
}

function notAList(memory: SharedMemory): MultiprocError {
  return new MultiprocError(`The shared memory '${memory.name}' holds no list: ${lasting(memory.name)}`, {
    code: 'ERR_MULTIPROC_KIND',
  });
}

function narrow(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

/** As Python's `==`: 1, 1n and true are equal. */
function same(one: Shareable, other: unknown): boolean {
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1n are the same number
  if (isNumeric(one) && isNumeric(other)) return plain(one) == plain(other);
  return one === other;
}

function isNumeric(value: unknown): value is number | bigint | boolean {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

function plain(value: number | bigint | boolean): number | bigint {
  return typeof value === 'boolean' ? Number(value) : value;
}

registerArrival(HandleKind.shareableList, (handle) => {
  const memory = arriveMemory(handle);
  try {
    return new ShareableList(memory);
  } catch (cause) {
    memory.close();
    throw new MultiprocError(`The shared memory '${handle.file}' is no list, as a message says`, {
      code: 'ERR_MULTIPROC_SEGMENT',
      cause,
    });
  }
});
