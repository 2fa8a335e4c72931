/**
 * Encoding of values as bytes: the one codec behind `serialize`, queues, pipes and arguments.
 *
 * The first byte is a tag. Common values have a compact form of their own; everything else is a structured clone, in
 * which shared objects are handles. `docs/architecture/messages.md` has the table.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { OptionTable } from '../options/table.js';
import { currentOrigin, within } from './afar.js';
import { checkAllowed } from './allowance.js';
import { type ModuleNames, modulesKind, readModules } from './allowed-modules.js';
import { serializeBriefly } from './brief.js';
import {
  readClone,
  readReferring,
  readTable,
  rehearse,
  type TakenOver,
  takeOver,
  writeClone,
  writeReferring,
} from './clone.js';
import { readCompact } from './compact-reader.js';
import { compactWriter } from './compact-writer.js';
import { resolveText } from './dressing.js';
import { damaged } from './handles.js';
import { isPlain, pack, TooDeep } from './packing.js';
import { type ReferenceEntry, readText, textOf } from './reference-text.js';
import { isResolved, prepareReference, resolveReference } from './references.js';
import { Tag } from './tags.js';
import { bytesOfView, makeView, viewIndex } from './views.js';

/**
 * Encodes a value, for `deserialize` in any process or thread of this machine.
 *
 * Plain objects, arrays, Maps, Sets, Dates, RegExps, bigints, Buffers and typed arrays are copied, with cycles and
 * identities. Functions and classes that their module exports, or that were given to `register`, arrive as the very
 * same ones; instances of such classes as their own fields under the class; errors whole, except for fields that cannot
 * travel. Shared objects travel by handle: the receiver gets the same object. Until the bytes are deserialised, or this
 * thread ends, the memory of an anonymous one is kept, also if it is closed meanwhile; so deserialise the bytes once.
 *
 * @param root name of the value in errors
 * @throws TypeError for a value that cannot travel, naming its path (`value.jobs[0].callback`) and the cure
 * @throws RangeError for objects nested more than 1,000 deep
 * @throws ClosedError for a shared object that is closed
 */
export function serialize(value: unknown, root = 'value'): Buffer {
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
    case 'number':
      return writeBrief(value);
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? writeBigInt(value) : writeStructure(value, root);
    case 'string':
      return writeString(value);
    case 'object': {
      if (value === null) return writeBrief(value);
      const index = viewIndex(value);
      return index === -1 ? writeStructure(value, root) : writeView(value as ArrayBufferView, index);
    }
    case 'function':
      return writeReference(value, root);
    default:
      return writeStructure(value, root);
  }
}

const deserializeOptions = new OptionTable<{ readonly modules?: ModuleNames | undefined }>({ modules: modulesKind });

/**
 * Makes the value again that {@link serialize} made bytes of. Shared objects in it are attached: close them when done.
 *
 * What `serialize` did not write is an error, never a crash. But the bytes may name modules in files, which are loaded: of bytes
 * that another user or machine may have made, say which modules they may name. The bytes must not change meanwhile.
 *
 * @param options `modules`: the URLs or absolute paths of the only modules whose functions and classes the bytes may name,
 *   beside what `register` named here: `[]` for none. Without it, any
 * @throws TypeError for anything but bytes; for a function or class that is not what it was where the bytes were made, or
 * whose module cannot be loaded at once
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE` for bytes that are damaged; `ERR_MULTIPROC_SEGMENT` for a stale handle
 * @throws SystemError `ENOENT` if a shared object in it is gone
 */
export function deserialize(bytes: Uint8Array, options?: { readonly modules?: ModuleNames | undefined }): unknown {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('Expected "bytes" to be a Buffer or a Uint8Array');
  const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // In `list.map(deserialize)` it is a number.
  if (typeof options !== 'object' || options === null) return decode(message, true);
  deserializeOptions.check(options, 'deserialize');
  if (options.modules === undefined) return decode(message, true);
  const modules = readModules(options.modules);
  // A call within the decoding of another user's message may narrow its allowed modules, not widen them.
  const outer = currentOrigin();
  const narrowed = outer === undefined ? modules : new Set([...modules].filter((module) => outer.modules.has(module)));
  return within({ modules: narrowed, attaches: outer?.attaches ?? true }, () => decode(message, true));
}

/** Like {@link deserialize}, of bytes that may be read again: what they keep is kept until {@link discard}. */
export function deserializeKept(bytes: Buffer): unknown {
  return decode(bytes, false);
}

/**
 * The shared objects of a message, taken over before it is read. This process owns them from now on; they are released
 * by {@link read}, by {@link release}, or with the process.
 *
 * For receivers that run other code between taking a message and reading it: modules load, classes make their
 * instances, and each of these may fail, or end the process.
 */
export class Arrival {
  readonly #taken: TakenOver | undefined;

  constructor(bytes: Buffer) {
    this.#taken = mayCarry(bytes) ? takeOver(bytes, 'objects') : undefined;
  }

  /** Makes the value, once. @param bytes the same message @throws as {@link deserialize} */
  read(bytes: Buffer): unknown {
    try {
      return decode(bytes, true, this.#taken);
    } finally {
      this.release(bytes);
    }
  }

  /** Nobody will read it, or it was read. @param bytes the same message */
  release(bytes: Buffer): void {
    this.#taken?.release(bytes);
  }
}

/** Whether there may be shared objects in a message that this process receives. */
function mayCarry(bytes: Uint8Array): boolean {
  return bytes[0] === Tag.clone || bytes[0] === Tag.carrying || bytes[0] === Tag.referring;
}

function decode(message: Buffer, receives: boolean, taken?: TakenOver): unknown {
  const value = decodeAny(message, receives, taken);
  if (typeof value === 'object' && value !== null && currentOrigin() !== undefined) checkNotThenable(value);
  return value;
}

/** A promise that is resolved with it would call its `then`: a function that another user has chosen. */
function checkNotThenable(value: object): void {
  if (typeof (value as { then?: unknown }).then !== 'function') return;
  throw new TypeError(
    'An object with a method "then" came over the network or from another user: an await would call it. Send it in an array',
  );
}

function decodeAny(message: Buffer, receives: boolean, taken: TakenOver | undefined): unknown {
  const tag = message[0];
  checkLength(message, fixedLengths[tag as number]);
  switch (tag) {
    case Tag.undefined:
      return undefined;
    case Tag.null:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.int8:
      return message.readInt8(1);
    case Tag.int32:
      return message.readInt32LE(1);
    case Tag.double:
      return message.readDoubleLE(1);
    case Tag.int64:
      return message.readBigInt64LE(1);
    case Tag.ascii:
      return message.toString('latin1', 1);
    case Tag.utf8:
      return message.toString('utf8', 1);
    case Tag.utf16:
      return message.toString('utf16le', 1);
    case Tag.view:
      return makeView(message.readUInt8(1), message.subarray(2));
    case Tag.clone:
      return readClone(message, receives, taken);
    case Tag.compact:
      return readCompact(message, 0, message.length);
    case Tag.reference:
      return resolveText(message.subarray(1));
    case Tag.referring:
      return readReferring(message, receives, taken);
    case Tag.carrying:
      return receives && taken === undefined
        ? new Arrival(message).read(message)
        : readReferring(message, receives, taken);
    default:
      throw damaged(message.length === 0 ? 'it is empty' : `no value has the tag ${tag}`);
  }
}

/** Releases the shared objects in bytes of {@link serialize} that will not be deserialised. */
export function discard(bytes: Buffer): void {
  if (mayCarry(bytes)) takeOver(bytes, 'all').release(bytes);
}

/**
 * Imports the modules of the functions and classes in a message, which `deserialize` can only `require`: so modules with a
 * top-level `await`, and what other loaders make, can be had, too.
 *
 * @param fresh no module is being evaluated in this thread: spares looking for one that waits for this message
 * @returns `undefined` if there is nothing to import
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE` for bytes that are damaged
 */
export function prepare(bytes: Uint8Array, { fresh = false } = {}): Promise<void> | undefined {
  const absent = absentIn(bytes).filter(isAllowed);
  if (absent.length === 0) return undefined;
  rehearseAny(bytes);
  const prepared = absent.map((entry) => {
    const ready = prepareReference(entry.reference, fresh);
    // An error is worth more than its class.
    return entry.fallback === undefined ? ready : ready.catch(() => undefined);
  });
  return Promise.all(prepared).then(() => undefined);
}

/**
 * Like {@link prepare} for a caller that blocks the thread: requires the modules.
 *
 * @throws TypeError for a module that can only be imported; nothing was received then
 */
export function prepareNow(bytes: Uint8Array): void {
  const absent = absentIn(bytes).filter(isAllowed);
  if (absent.length > 0) rehearseAny(bytes);
  for (const { reference, fallback } of absent) {
    try {
      resolveReference(reference);
    } catch (error) {
      // An error is worth more than its class.
      if (fallback === undefined) throw error;
    }
  }
}

/**
 * Makes the value of bytes whose modules have to be imported.
 *
 * @param own makes a copy of the bytes if they may change meanwhile
 * @param receives `false`: as {@link deserializeKept}
 * @returns `undefined` if there is nothing to import: {@link deserialize} gives the value at once
 */
export function deserializeLater(
  bytes: Buffer,
  own: (message: Buffer) => Buffer = itself,
  receives = true,
): Promise<unknown> | undefined {
  if (isPrepared(bytes)) return undefined;
  const message = own(bytes);
  const arrival = receives ? new Arrival(message) : undefined;
  let ready: Promise<void> | undefined;
  try {
    ready = prepare(message);
  } catch (error) {
    arrival?.release(message);
    throw error;
  }
  const origin = currentOrigin();
  const read = () => within(origin, () => (arrival === undefined ? decode(message, false) : arrival.read(message)));
  return (ready ?? Promise.resolve()).then(read, (reason) => {
    arrival?.release(message);
    throw reason;
  });
}

/** Whether bytes of {@link serialize}, made in this thread, keep memory until they are deserialised or discarded. */
export function isKeeping(bytes: Buffer): boolean {
  return keepers.has(bytes);
}

/** Says of bytes that were made elsewhere that they keep memory. */
export function keepAgain(bytes: Buffer): void {
  keepers.add(bytes);
}

const keepers = new WeakSet<Buffer>();

/** Whether {@link prepare} has nothing to import. */
export function isPrepared(bytes: Uint8Array): boolean {
  return absentIn(bytes).length === 0;
}

const none: readonly ReferenceEntry[] = [];

function absentIn(bytes: Uint8Array): readonly ReferenceEntry[] {
  if (bytes[0] !== Tag.reference && !isReferring(bytes)) return none;
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return tableOf(message)
    .map(readText)
    .filter((entry) => entry.kind === 'reference')
    .filter(({ reference }) => !isResolved(reference));
}

/** Before any module is loaded: a message that names one that it may not is refused as a whole. */
function isAllowed({ reference, fallback }: ReferenceEntry): boolean {
  try {
    checkAllowed(reference);
    return true;
  } catch (error) {
    if (fallback === undefined) throw error;
    return false;
  }
}

function rehearseAny(bytes: Uint8Array): void {
  if (isReferring(bytes)) rehearse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** Whether functions or classes are named in it, beside other content. */
export function isReferring(bytes: Uint8Array): boolean {
  return bytes[0] === Tag.referring || bytes[0] === Tag.carrying;
}

const itself = (message: Buffer) => message;

function tableOf(message: Buffer): Buffer[] {
  if (message[0] === Tag.reference) return [message.subarray(1)];
  try {
    return readTable(message);
  } catch (cause) {
    throw damaged('its table ends too soon', cause);
  }
}

/** Bytes after the tag, at least; exactly, for those whose value has a fixed size. */
const fixedLengths: readonly (number | undefined)[] = [0, 0, 0, 0, 1, 4, 8, 8];

function checkLength(message: Buffer, fixed: number | undefined): void {
  const length = message.length - 1;
  if (fixed !== undefined && length !== fixed) throw damaged(`it has ${length} bytes where ${fixed} are expected`);
  if (message[0] === Tag.view && length < 1) throw damaged('it ends after its tag');
}

function writeBrief(value: unknown): Buffer {
  const brief = serializeBriefly(value) as Buffer;
  const bytes = start(brief[0] as number, brief.length - 1);
  bytes.set(brief);
  return bytes;
}

function writeBigInt(value: bigint): Buffer {
  const bytes = start(Tag.int64, 8);
  bytes.writeBigInt64LE(value, 1);
  return bytes;
}

function writeString(value: string): Buffer {
  const length = Buffer.byteLength(value);
  // As many bytes as UTF-16 units: each is one byte.
  const tag = length === value.length ? Tag.ascii : isWellFormed(value) ? Tag.utf8 : Tag.utf16;
  const bytes = start(tag, tag === Tag.utf16 ? value.length * 2 : length);
  bytes.write(value, 1, encodings[tag]);
  return bytes;
}

const encodings = { [Tag.ascii]: 'latin1', [Tag.utf8]: 'utf8', [Tag.utf16]: 'utf16le' } as const;

function isWellFormed(value: string): boolean {
  return (value as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function writeView(view: ArrayBufferView, index: number): Buffer {
  const bytes = start(Tag.view, 1 + view.byteLength);
  bytes[1] = index;
  bytes.set(bytesOfView(view), 2);
  return bytes;
}

function writeReference(fn: object, root: string): Buffer {
  const text = types.isProxy(fn) ? undefined : textOf(fn);
  // Packing reports the reason.
  if (!(text instanceof Uint8Array)) return writePacked(fn, root);
  const bytes = start(Tag.reference, text.length);
  bytes.set(text, 1);
  return bytes;
}

/** Memory of its own, not of Buffer's pool: `postMessage` copies, or takes, all of what a Buffer lies in. */
function start(tag: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(1 + length);
  bytes[0] = tag;
  return bytes;
}

function writeStructure(value: unknown, root: string): Buffer {
  try {
    if (typeof value === 'object') {
      const length = compactWriter.write(value as object);
      if (length !== 0) return copyCompact(length);
    }
    return writePlain(value) ?? writePacked(value, root);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    throw new RangeError(`${root} is nested too deeply to travel: 1,000 objects in each other are the most`);
  }
}

function copyCompact(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  compactWriter.bytes.copy(bytes, 0, 0, length);
  return bytes;
}

/** `undefined` if there is something in the value that V8 cannot clone, or not rightly. */
function writePlain(value: unknown): Buffer | undefined {
  if (!isPlain(value)) return undefined;
  try {
    return writeClone(Tag.clone, value, undefined);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    // A Proxy, a SharedArrayBuffer …: packing reports where it is.
    return undefined;
  }
}

function writePacked(value: unknown, root: string): Buffer {
  const packed = pack(value, root);
  try {
    const isReferring = packed.table.length > 0;
    const bytes = isReferring
      ? writeReferring(packed.keeps ? Tag.carrying : Tag.referring, packed)
      : writeClone(Tag.clone, packed.value, packed.carried);
    if (packed.keeps) keepers.add(bytes);
    return bytes;
  } catch (cause) {
    packed.cancel();
    if (cause instanceof RangeError) throw cause;
    throw new TypeError(`${root} cannot travel: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
