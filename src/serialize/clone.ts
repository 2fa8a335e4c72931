/** Structured clones as bytes: V8's own format, in which views and objects of ours are entries that we write. */
import { Buffer } from 'node:buffer';
import { Deserializer, Serializer } from 'node:v8';
import { MultiprocError } from '../errors.js';
import { arrive, damaged, type Handle, type HandleKind, type Traveller } from './handles.js';
import { bytesOfView, heartIndex, makeView } from './views.js';

/** The entry is a handle; smaller numbers are classes of views. */
const handleEntry = 64;
const mostNested = 8;
const deepest = 4;

/** A handle to be written in the place of a view, which stands for it. */
export interface Carried {
  readonly handle: Handle;
  /** The views that stand for the handle's nested objects. */
  readonly nested: readonly ArrayBufferView[];
}

/** What Node's classes have beside their documented members. */
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
  return writer.releaseBuffer();
}

/**
 * Reads what {@link writeClone} wrote. When it fails, the objects attached until then are closed.
 *
 * @throws MultiprocError `ERR_MULTIPROC_MESSAGE`, or why an object could not be attached
 */
export function readClone(message: Buffer): unknown {
  const reader = new Reader(message);
  try {
    reader.readUint32();
    reader.readHeader();
    return reader.readValue();
  } catch (cause) {
    for (const object of reader.attached) object.close();
    const reason = reader.failure ?? cause;
    if (reason instanceof MultiprocError) throw reason;
    throw damaged(reason instanceof Error ? reason.message : String(reason), reason);
  }
}

/** Lets go of what the handles in a message keep: nobody will read it. */
export function discardClone(message: Buffer): void {
  const reader = new Reader(message);
  try {
    reader.readUint32();
    reader.readHeader();
    reader.readValue();
  } catch {
    // What had not arrived by then may be gone already.
  }
  for (const object of reader.attached) object.close();
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
      this.#writeHandle(carried);
      return;
    }
    const bytes = bytesOfView(view);
    if (bytes.length >= 2 ** 32) throw new RangeError(`A view of ${bytes.length} bytes is too large to travel`);
    this.writeUint32(heartIndex(view));
    this.writeUint32(bytes.length);
    this.writeRawBytes(bytes);
  }

  #writeHandle({ handle, nested }: Carried): void {
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

class Reader extends Deserializer {
  /** In the order of their arrival. */
  readonly attached: Traveller[] = [];
  /** Why reading failed, if it was one of ours that did: V8 may replace the error. */
  failure: unknown;
  #depth = 0;

  /** V8 calls it wherever {@link Writer} wrote an entry. */
  _readHostObject(): object {
    try {
      const entry = this.readUint32();
      if (entry === handleEntry) return this.#readHandle();
      return makeView(entry, this.readRawBytes(this.readUint32()));
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  #readHandle(): object {
    if (++this.#depth > deepest) throw damaged('its handles are nested too deeply');
    const kind = this.readUint32() as HandleKind;
    const file = this.readRawBytes(this.readUint32()).toString('latin1');
    if (!/^[A-Za-z0-9._-]{1,255}$/.test(file)) throw damaged('the name of a file in it is none');
    const inode = this.readDouble();
    const offset = this.readUint32();
    const generation = this.readUint32();
    const sender = this.readUint32();
    const flags = this.readUint32();
    const count = this.readUint32();
    if (count > mostNested) throw damaged('a handle in it has too many others');
    const nested: object[] = [];
    for (let i = 0; i < count; i++) {
      const object: unknown = this.readValue();
      // Whatever else is there, it is no lock.
      if (!this.attached.includes(object as Traveller)) throw damaged('a handle in it refers to what is none');
      nested.push(object as object);
    }
    const object = arrive({ kind, file, inode, offset, generation, sender, flags, nested });
    this.attached.push(object);
    this.#depth--;
    return object;
  }
}
