/** Structured clones as bytes: V8's own format, in which views and objects of ours are entries that we write. */
import { Buffer, constants } from 'node:buffer';
import { Deserializer, Serializer } from 'node:v8';
import { MultiprocError } from '../errors.js';
import { isFromAfar } from './afar.js';
import { type Hooks as ClassHooks, deserializeHook } from './classes.js';
import { dress, resolveTexts } from './dressing.js';
import { arrive, damaged, type Handle, HandleKind, ownProxyFlag, release, type Traveller } from './handles.js';
import { adopt } from './realm.js';
import { Tag } from './tags.js';
import { bytesOfView, heartIndex, makeView } from './views.js';

/** Kinds of entries; smaller numbers are classes of views. */
const handleEntry = 64;
const referenceEntry = 65;
const madeEntry = 66;
const mostNested = 8;
const deepest = 4;
/** Instances that their classes make, one in the data of the other. */
export const deepestMade = 100;

/** The content to write in place of a view that stands for it. */
export type Carried = CarriedHandle | CarriedReference | CarriedData;

interface CarriedHandle {
  readonly handle: Handle;
  /** The views that stand for the handle's nested objects. */
  readonly nested: readonly ArrayBufferView[];
}

/** A function or class: its number in the message's table. */
interface CarriedReference {
  readonly reference: number;
}

/** An instance that its class makes from data. */
interface CarriedData {
  readonly maker: number;
  /** With its own list for `dress`. */
  readonly data: readonly [data: unknown, dressed: readonly unknown[]];
}

/** A value with the functions that it refers to, and the classes of its objects. */
export interface Referring {
  readonly value: unknown;
  readonly carried: ReadonlyMap<unknown, Carried>;
  /** Texts of references. */
  readonly table: readonly Buffer[];
  /** For `dress`. */
  readonly dressed: readonly unknown[];
}

/** Undocumented members of Node's classes. */
interface Hooks {
  _setTreatArrayBufferViewsAsHostObjects(on: boolean): void;
}

/**
 * @param carried the views in `value` that stand for objects of ours
 * @throws Error for what V8 cannot clone
 */
export function writeClone(tag: number, value: unknown, carried: ReadonlyMap<unknown, Carried> | undefined): Buffer {
  const writer = new Writer(carried);
  writer.writeUint32(tag);
  writer.writeHeader();
  writer.writeValue(value);
  return writer.release();
}

/**
 * Writes a clone like {@link writeClone} after a table of references, so that the receiver can load their modules
 * first.
 *
 * @throws Error for values that V8 cannot clone
 */
export function writeReferring(tag: number, { value, carried, table, dressed }: Referring): Buffer {
  const writer = new Writer(carried);
  writer.writeUint32(tag);
  writer.writeUint32(table.length);
  for (const text of table) {
    writer.writeUint32(text.length);
    writer.writeRawBytes(text);
  }
  writer.writeHeader();
  writer.writeValue(dressed.length === 0 ? [value] : [value, dressed]);
  return writer.release();
}

/** The table of a message that {@link writeReferring} wrote. */
export function readTable(message: Buffer): Buffer[] {
  const reader = new Reader(message);
  reader.readUint32();
  return reader.readTable();
}

/**
 * The shared objects of a message that was taken over: its sender keeps none of them any more. They are released when
 * the message was read, by {@link release}, or with this process, also if the message is never read.
 */
export class TakenOver {
  /** In the order in which their handles end in the message; `undefined` for what could not be attached, or was read. */
  readonly objects: (Traveller | undefined)[];
  /** Why one of the objects could not be attached. */
  readonly failure: Failure | undefined;
  /** There are proxies in the message that arrive when it is read. */
  leavesProxies: boolean;

  constructor(objects: (Traveller | undefined)[], failure: Failure | undefined, leavesProxies: boolean) {
    this.objects = objects;
    this.failure = failure;
    this.leavesProxies = leavesProxies;
  }

  /** Lets go of what was not read. @param message the same */
  release(message: Buffer): void {
    for (const object of this.objects.splice(0)) if (object !== undefined) release(object);
    if (this.leavesProxies) takeOver(message, 'proxies').release(message);
    this.leavesProxies = false;
  }
}

/**
 * A conversation with a manager counts its own proxies: each is attached once, and refers to what may be made only when the
 * message is read. They need not be taken over, as they end with the conversation.
 */
type Parts = 'all' | 'objects' | 'proxies';

/** Why a message cannot be read. */
interface Failure {
  readonly reason: unknown;
}

/**
 * Takes over what travels in a message of {@link writeClone} or {@link writeReferring}: all of it, even where one object
 * cannot be attached. No module is loaded, and no code of a class runs.
 */
export function takeOver(message: Buffer, parts: Parts): TakenOver {
  const reader = new Reader(message);
  reader.parts = parts;
  let failure: Failure | undefined;
  try {
    if (reader.readUint32() !== Tag.clone) reader.functions = reader.readTable().map(() => Nothing);
    reader.readHeader();
    reader.readValue();
    reader.checkAttached();
  } catch (cause) {
    failure = { reason: reader.reasonFor(cause) };
  }
  return new TakenOver(reader.objects, failure, parts === 'objects' && reader.hasProxies);
}

/**
 * Reads what {@link writeReferring} wrote, like {@link readClone}.
 *
 * @param taken what {@link takeOver} made of the message. The caller releases it afterwards
 * @throws TypeError for a function or class that cannot be had here
 */
export function readReferring(message: Buffer, receives: boolean, taken?: TakenOver): unknown {
  return read(message, receives && taken === undefined, (reader) => {
    reader.taken = taken;
    // All of them first: nothing is attached yet if one fails.
    const table = reader.readTable();
    reader.functions = reader.blame(() => resolveTexts(table, () => rehearse(message)));
    reader.checkTaken();
    reader.readHeader();
    return reader.readDressed();
  });
}

/**
 * Reads what {@link writeClone} wrote. When it fails, the objects attached until then are closed.
 *
 * @param receives the handles have arrived: what was kept for them is no longer
 * @param taken as for {@link readReferring}
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE`, or why an object could not be attached
 */
export function readClone(message: Buffer, receives: boolean, taken?: TakenOver): unknown {
  return read(message, receives && taken === undefined, (reader) => {
    reader.taken = taken;
    reader.checkTaken();
    reader.readHeader();
    return adopt(reader.readValue());
  });
}

function read(message: Buffer, receives: boolean, how: (reader: Reader) => unknown): unknown {
  const reader = new Reader(message);
  reader.receives = receives;
  try {
    reader.readUint32();
    const value = how(reader);
    reader.checkAttached();
    return value;
  } catch (cause) {
    for (const object of reader.objects) if (object !== undefined) release(object);
    throw reader.reasonFor(cause);
  }
}

/**
 * Reads a message of {@link writeReferring} with nothing in the place of its functions, classes and shared objects, so that a
 * damaged one is known before a module is loaded for it.
 *
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE`
 */
export function rehearse(message: Buffer): void {
  const reader = new Reader(message);
  reader.rehearses = true;
  try {
    reader.readUint32();
    reader.functions = reader.readTable().map(() => Nothing);
    reader.readHeader();
    reader.readDressed();
  } catch (cause) {
    const reason = reader.failure ?? cause;
    if (reason instanceof MultiprocError) throw reason;
    throw damaged(reason instanceof Error ? reason.message : String(reason), reason);
  }
}

/** In the place of every function and class in a message that is taken over or rehearsed. */
const Nothing: object = Object.assign(() => {}, { prototype: {}, [deserializeHook]: () => ({}) });

/** Objects in the places of those that are not attached. */
const missing = new WeakSet<object>();

function standIn(): object {
  const object = {};
  missing.add(object);
  return object;
}

class Writer extends Serializer {
  readonly #carried: ReadonlyMap<unknown, Carried> | undefined;

  constructor(carried: ReadonlyMap<unknown, Carried> | undefined) {
    super();
    this.#carried = carried;
    (this as unknown as Hooks)._setTreatArrayBufferViewsAsHostObjects(true);
  }

  /** V8 calls it with every view. */
  _writeHostObject(view: ArrayBufferView): void {
    const carried = this.#carried?.get(view);
    if (carried !== undefined) {
      this.#writeCarried(carried);
      return;
    }
    const bytes = bytesOfView(view);
    if (bytes.length >= 2 ** 32) throw new RangeError(`A view of ${bytes.length} bytes is too large to travel`);
    this.writeUint32(heartIndex(view));
    this.writeUint32(bytes.length);
    this.writeRawBytes(bytes);
  }

  /**
   * The bytes written.
   *
   * @throws RangeError for more than a Buffer holds
   */
  release(): Buffer {
    try {
      return this.releaseBuffer();
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw cause;
      const limit = `${constants.MAX_LENGTH} bytes (buffer.constants.MAX_LENGTH of this Node)`;
      throw new RangeError(`Expected a value of at most ${limit}: pass larger data in a SharedArray`, { cause });
    }
  }

  #writeCarried(carried: Carried): void {
    if ('handle' in carried) {
      this.#writeHandle(carried);
    } else if ('reference' in carried) {
      this.writeUint32(referenceEntry);
      this.writeUint32(carried.reference);
    } else {
      this.writeUint32(madeEntry);
      this.writeUint32(carried.maker);
      this.writeValue(carried.data);
    }
  }

  #writeHandle({ handle, nested }: CarriedHandle): void {
    this.writeUint32(handleEntry);
    this.writeUint32(handle.kind);
    const file = Buffer.from(handle.file, 'latin1');
    this.writeUint32(file.length);
    this.writeRawBytes(file);
    this.writeDouble(handle.inode);
    this.writeUint32(handle.offset);
    this.writeUint32(handle.generation);
    this.writeUint32(handle.sender);
    this.writeUint32(handle.flags);
    this.writeUint32(nested.length);
    for (const view of nested) this.writeValue(view);
  }
}

// V8 makes its refusals with this.
(Writer.prototype as unknown as { _getDataCloneError: unknown })._getDataCloneError = Error;

function namePattern(kind: HandleKind): RegExp {
  return kind === HandleKind.proxy ? /^[A-Za-z0-9_-]{1,2000}$/ : /^[A-Za-z0-9._-]{1,255}$/;
}

/** Objects that were taken over are what is read: they cannot be attached twice. Others are attached again. */
const attachedOnce = new Set<HandleKind>([HandleKind.connection, HandleKind.memory, HandleKind.shareableList]);

class Reader extends Deserializer {
  /** In the order in which their handles end; `undefined` for what could not be attached. */
  readonly objects: (Traveller | undefined)[] = [];
  /** Objects, and what stands for those that are not attached. */
  readonly #arrived = new Set<unknown>();
  /** The objects that were taken over before. */
  taken: TakenOver | undefined;
  parts: Parts = 'all';
  /** Whether there are proxies of the message's own conversation in it. */
  hasProxies = false;
  /** Whether handles are read over, since the object that they belong to was taken over with them. */
  #skips = false;
  /** The error of this package that made reading fail: V8 may replace it. */
  failure: unknown;
  /** Why an object could not be attached. The others are attached all the same: their senders must not keep them. */
  #missing: Failure | undefined;
  /** The message was right, but a module or a class failed. */
  othersFault = false;
  /** Whether handles have arrived: the message is not read again. */
  receives = true;
  /** Whether shared objects are read over: nothing is attached. */
  rehearses = false;
  /** The functions and classes to which the message refers. */
  functions: readonly object[] = [];
  readonly #made = new Set<unknown>();
  #depth = 0;
  #madeDepth = 0;

  readTable(): Buffer[] {
    const texts: Buffer[] = [];
    for (let left = this.readUint32(); left > 0; left--) texts.push(this.readRawBytes(this.readUint32()));
    return texts;
  }

  readDressed(): unknown {
    const both: unknown = adopt(this.readValue());
    if (!Array.isArray(both)) throw damaged('it holds no value');
    // Reading has failed and only continues to attach the rest: no user class may see the stand-ins.
    if (this.#missing !== undefined) return both[0];
    dress(both[1], (object) => this.#made.has(object) || this.#arrived.has(object));
    return both[0];
  }

  /** Runs what is not of ours. */
  blame<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      this.othersFault = true;
      throw error;
    }
  }

  /** @throws why what was taken over is not all of it */
  checkTaken(): void {
    if (this.taken === undefined) return;
    if (this.taken.failure !== undefined) {
      this.othersFault = true;
      throw this.taken.failure.reason;
    }
    this.taken.leavesProxies = false;
  }

  /** @throws why an object in the message could not be attached */
  checkAttached(): void {
    if (this.#missing !== undefined) throw this.#missing.reason;
  }

  /** Returns the error for the caller. */
  reasonFor(cause: unknown): unknown {
    const reason = this.failure ?? cause;
    if (reason instanceof MultiprocError || this.othersFault) return reason;
    return damaged(reason instanceof Error ? reason.message : String(reason), reason);
  }

  /** V8 calls it wherever {@link Writer} wrote an entry. */
  _readHostObject(): object {
    try {
      const entry = this.readUint32();
      if (entry === handleEntry) return this.#readHandle();
      if (entry === referenceEntry) return this.#readReference();
      if (entry === madeEntry) return this.#readMade();
      return makeView(entry, this.readRawBytes(this.readUint32()));
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  #readReference(): object {
    const fn = this.functions[this.readUint32()];
    if (fn === undefined) throw damaged('it refers to what is not in its table');
    return fn;
  }

  #readMade(): object {
    if (++this.#madeDepth > deepestMade) throw damaged('its instances are nested too deeply');
    const maker = this.#readReference() as ClassHooks & { readonly name: string };
    const data = this.readDressed();
    this.#madeDepth--;
    if (this.#missing !== undefined) return standIn();
    const made = this.blame(() => {
      const one = maker[deserializeHook]?.(data);
      if (typeof one === 'object' && one !== null) return one;
      throw new TypeError(
        `Expected ${maker.name}[Symbol.for('multiproc.deserialize')] to return an object, got ${one}`,
      );
    });
    this.#made.add(made);
    return made;
  }

  #readHandle(): object {
    if (++this.#depth > deepest) throw damaged('its handles are nested too deeply');
    const kind = this.readUint32() as HandleKind;
    const file = this.readRawBytes(this.readUint32()).toString('latin1');
    if (!namePattern(kind).test(file)) throw damaged('the name of a file in it is none');
    const inode = this.readDouble();
    const offset = this.readUint32();
    const generation = this.readUint32();
    const sender = this.readUint32();
    const keeper = this.receives ? sender : 0;
    const flags = this.readUint32();
    const count = this.readUint32();
    if (count > mostNested) throw damaged('a handle in it has too many others');
    // In this order: what belongs to an object ends before it.
    const outer = this.#skips;
    this.#skips ||= this.taken !== undefined && attachedOnce.has(kind);
    const nested: object[] = [];
    for (let i = 0; i < count; i++) {
      const object: unknown = this.readValue();
      // A barrier has its action there, a proxy its class, the others a lock.
      const isOurs = this.#arrived.has(object);
      const expected = kind === HandleKind.barrier || kind === HandleKind.proxy ? typeof object === 'function' : isOurs;
      if (!expected) throw damaged('a handle in it refers to what is none');
      if (object !== Nothing && !missing.has(object as object)) nested.push(object as object);
    }
    this.#skips = outer;
    const handle = { kind, file, inode, offset, generation, sender: keeper, flags, nested };
    const object = this.rehearses || this.#skips || !this.#wants(handle) ? undefined : this.#attachOrMiss(handle);
    this.objects.push(object);
    const shown = object ?? standIn();
    this.#arrived.add(shown);
    this.#depth--;
    return shown;
  }

  #wants({ kind, flags }: Handle): boolean {
    const isProxy = kind === HandleKind.proxy && (flags & ownProxyFlag) !== 0;
    this.hasProxies ||= isProxy;
    return this.parts === 'all' || isProxy === (this.parts === 'proxies');
  }

  /** Returns `undefined` if that fails: reading continues, so that all others arrive. */
  #attachOrMiss(handle: Handle): Traveller | undefined {
    try {
      return this.#attach(handle);
    } catch (reason) {
      if (isFromAfar()) throw reason;
      this.#missing ??= { reason };
      return undefined;
    }
  }

  #attach(handle: Handle): Traveller {
    const { taken } = this;
    if (taken !== undefined) {
      const index = this.objects.length;
      const object = taken.objects[index];
      if (attachedOnce.has(handle.kind) && object !== undefined) {
        taken.objects[index] = undefined;
        return object;
      }
      // The server knows already that it has arrived.
      if (handle.kind === HandleKind.proxy) return this.#attachAnew({ ...handle, offset: 0, generation: 0 });
    }
    return this.#attachAnew(handle);
  }

  #attachAnew(handle: Handle): Traveller {
    return isFromAfar() ? this.blame(() => arrive(handle)) : arrive(handle);
  }
}
