/**
 * Encoding of values as records of a ring, directly in shared memory.
 *
 * A record is a header of eight bytes (the tag in its lowest byte, the class of a view in the next; then a number, or
 * the number of following bytes) and the bytes, padded to eight. Tags and bytes are those of the codec; a value without
 * a compact form is a whole message of `serialize`.
 */
import { Buffer } from 'node:buffer';
import { Arrival, deserialize, deserializeKept, deserializeLater, discard, isPrepared, prepare } from './codec.js';
import type { RawBuffer } from './compact-format.js';
import { readCompact } from './compact-reader.js';
import { compactWriter } from './compact-writer.js';
import { damaged } from './handles.js';
import { receivedBuffer } from './received.js';
import { Tag } from './tags.js';
import { bufferIndex, bytesOfView, makeView, viewIndex } from './views.js';

/** A part of shared memory in which records lie, through three kinds of view. */
export class Window {
  /** Its start, in units of eight bytes, as the ring counts. */
  readonly start: number;
  /** Its end. */
  readonly end: number;
  readonly words: Int32Array;
  readonly bytes: RawBuffer;
  readonly doubles: Float64Array;
  /** Size of the last record read or written, in units. */
  units = 0;

  constructor(buffer: ArrayBuffer, start: number) {
    this.start = start;
    this.end = start + buffer.byteLength / 8;
    this.words = new Int32Array(buffer);
    this.bytes = Buffer.from(buffer) as RawBuffer;
    this.doubles = new Float64Array(buffer);
  }
}

/** Bytes of a value that was serialised before. */
export class Message {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Stands for the message in the scratch buffer of this thread's compact writer. */
class Scratch {
  length = 0;
}

/** The output of {@link compactUnits}, as a value for {@link writeRecord}. */
export const scratch = new Scratch();

/**
 * Writes an object to the scratch buffer; then {@link scratch} stands for it, until the next object is written.
 *
 * @returns how many units its record takes; 0 if it has no compact form
 */
export function compactUnits(value: object): number {
  scratch.length = compactWriter.write(value);
  return scratch.length === 0 ? 0 : 1 + ((scratch.length + 7) >> 3);
}

/** Compact messages up to this size, in bytes, are read with the ring's lock held; longer ones are copied first. */
const maxReadAtOnce = 1024;

/** Strings up to this length are written character by character: it is quicker than a call. */
const shortString = 24;
/** Room for strings up to this length is guessed; longer ones are measured. */
const guessedString = 1024;

/** Returns the upper bound on the units of the value's record; 0 if it has no compact form: use {@link Message}. */
export function mostUnits(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return 2;
    case 'boolean':
    case 'undefined':
      return 1;
    case 'string':
      return value.length <= guessedString
        ? 1 + ((value.length * 3 + 7) >> 3)
        : 1 + Math.ceil(Math.max(Buffer.byteLength(value), isWellFormed(value) ? 0 : value.length * 2) / 8);
    case 'object':
      if (value === null) return 1;
      if (value instanceof Message) return 1 + Math.ceil(value.bytes.length / 8);
      return viewIndex(value) === -1 ? 0 : 1 + Math.ceil((value as ArrayBufferView).byteLength / 8);
    default:
      return 0;
  }
}

/**
 * Writes the value's record at the unit `at` of the window. Precondition: there is room for {@link mostUnits} of it.
 *
 * @returns how many units it takes
 */
export function writeRecord(window: Window, at: number, value: unknown): number {
  const { words } = window;
  const i = at * 2;
  switch (typeof value) {
    case 'number':
      if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
        words[i] = Tag.int32;
        words[i + 1] = value;
        return 1;
      }
      words[i] = Tag.double;
      words[i + 1] = 8;
      window.doubles[at + 1] = value;
      return 2;
    case 'string':
      return writeString(window, at, value);
    case 'boolean':
      words[i] = value ? Tag.true : Tag.false;
      return 1;
    case 'undefined':
      words[i] = Tag.undefined;
      return 1;
    default:
      break;
  }
  if (value === null) {
    words[i] = Tag.null;
    return 1;
  }
  if (value === scratch) return writeScratch(window, at);
  if (value instanceof Message) return writeBytes(window, at, Tag.clone, value.bytes);
  const bytes = bytesOfView(value as ArrayBufferView);
  return writeBytes(window, at, Tag.view | (viewIndex(value as object) << 8), bytes);
}

/** Writes a record of bytes, with a tag of the caller's. Precondition: there is room. */
function writeBytes(window: Window, at: number, tag: number, bytes: Uint8Array): number {
  const { length } = bytes;
  window.words[at * 2] = tag;
  window.words[at * 2 + 1] = length;
  window.bytes.set(bytes, at * 8 + 8);
  return 1 + Math.ceil(length / 8);
}

function writeScratch(window: Window, at: number): number {
  const { length } = scratch;
  const { words } = window;
  const i = at * 2;
  words[i] = Tag.compact;
  words[i + 1] = length;
  if (length <= maxCopiedByLoop) {
    const source = compactWriter.words;
    for (let word = (length + 3) >> 2; word > 0; word--) words[i + 1 + word] = source[word - 1] as number;
  } else {
    compactWriter.bytes.copy(window.bytes, at * 8 + 8, 0, length);
  }
  return 1 + ((length + 7) >> 3);
}

/** Copies up to this size, in bytes, are quicker without a call. */
const maxCopiedByLoop = 256;

function writeString(window: Window, at: number, text: string): number {
  const { bytes, words } = window;
  const { length } = text;
  const start = at * 8 + 8;
  words[at * 2 + 1] = length;
  if (length <= shortString) {
    let i = 0;
    let all = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      bytes[start + i] = code;
    }
    if (all < 0x80) {
      words[at * 2] = Tag.ascii;
      return 1 + ((length + 7) >> 3);
    }
  }
  let written = bytes.utf8Write(text, start, bytes.length - start);
  let tag: number = Tag.ascii;
  if (written !== length) {
    tag = Tag.utf8;
    // UTF-8 cannot hold half a surrogate pair.
    if (!isWellFormed(text)) {
      tag = Tag.utf16;
      written = bytes.ucs2Write(text, start, length * 2);
    }
  }
  words[at * 2] = tag;
  words[at * 2 + 1] = written;
  return 1 + Math.ceil(written / 8);
}

/** A value that is to be made of a record's bytes later, when the ring's lock is free. */
export class Later {
  readonly bytes: Buffer;
  /** It may be read again: what its handles keep is not let go. */
  kept = false;
  /** The shared objects that were taken over before it is read. */
  #arrival: Arrival | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws what deserialising throws */
  read(): unknown {
    if (this.kept) return deserializeKept(this.bytes);
    return this.#arrival === undefined ? deserialize(this.bytes) : this.#arrival.read(this.bytes);
  }

  /** Imports what {@link read} would have to; `undefined` if there is nothing to import. Shared objects arrive now. */
  prepare(): Promise<void> | undefined {
    if (isPrepared(this.bytes)) return undefined;
    this.#arrival ??= new Arrival(this.bytes);
    return prepare(this.bytes);
  }

  /** It is not read any more: what travels in it is let go. */
  drop(): void {
    if (this.#arrival === undefined) discard(this.bytes);
    else this.#arrival.release(this.bytes);
  }

  /** The value, if modules have to be imported for it; `undefined` if {@link read} gives it at once. */
  readLater(): Promise<unknown> | undefined {
    return deserializeLater(this.bytes, undefined, !this.kept);
  }
}

/** A message that was taken and could not be read: why not. */
export class Damage extends Later {
  readonly #reason: unknown;

  constructor(reason: unknown) {
    super(noBytes);
    this.#reason = reason;
  }

  override read(): never {
    throw this.#reason;
  }

  override readLater(): undefined {}
}

const noBytes = Buffer.alloc(0);

/**
 * Reads the record at the unit `at` of the window; `window.units` is then its size. No value is read twice, so memory
 * that changes meanwhile gives a wrong value or an error, never a crash.
 *
 * @param most number of readable units
 * @returns the value; {@link Later} for one that is not decoded at once
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE`
 */
export function readRecord(window: Window, at: number, most: number): unknown {
  const { words } = window;
  const head = words[at * 2] as number;
  const second = words[at * 2 + 1] as number;
  const tag = head & 0xff;
  if (tag === Tag.int32) {
    window.units = 1;
    return second;
  }
  if (tag >= Tag.double) {
    const length = second >>> 0;
    const units = 1 + Math.ceil(length / 8);
    if (units > most) throw damaged(`a record in the ring has ${length} bytes, more than there are`);
    window.units = units;
    return readBytes(window, at, head, length);
  }
  window.units = 1;
  if (tag === Tag.null) return null;
  if (tag === Tag.true) return true;
  if (tag === Tag.false) return false;
  if (tag === Tag.undefined) return undefined;
  throw damaged(`no record in a ring has the tag ${tag}`);
}

function readBytes(window: Window, at: number, head: number, length: number): unknown {
  const start = at * 8 + 8;
  switch (head & 0xff) {
    case Tag.double:
      return window.doubles[at + 1];
    case Tag.ascii:
      return window.bytes.latin1Slice(start, start + length);
    case Tag.utf8:
      return window.bytes.utf8Slice(start, start + length);
    case Tag.utf16:
      return window.bytes.ucs2Slice(start, start + length);
    case Tag.view:
      return readView(window, (head >>> 8) & 0xff, start, length);
    case Tag.compact:
      if (length <= maxReadAtOnce) return readCompact(window.bytes, start, start + length);
      return new Later(copyBytes(window, start, length));
    case Tag.clone:
      return new Later(copyBytes(window, start, length));
    default:
      throw damaged(`no record in a ring has the tag ${head & 0xff}`);
  }
}

function readView(window: Window, index: number, start: number, length: number): unknown {
  if (index === bufferIndex) return copyBytes(window, start, length);
  return makeView(index, window.bytes.subarray(start, start + length));
}

function copyBytes(window: Window, start: number, length: number): Buffer {
  const copy = receivedBuffer(length);
  window.bytes.copy(copy, 0, start, start + length);
  return copy;
}

/** The value of what {@link readRecord} put off. */
export function finish(value: unknown): unknown {
  return value instanceof Later ? value.read() : value;
}

function isWellFormed(value: string): boolean {
  return (value as unknown as { isWellFormed(): boolean }).isWellFormed();
}
