/** The key blocks that this thread has read, and how objects with these keys are made with one hidden class. */
import { Buffer } from 'node:buffer';
import { maxKeyBlock, maxKeys } from './compact-format.js';
import { damaged } from './handles.js';

/** Blocks that are remembered. Peers with ever new keys make the list start anew. */
const maxBlocks = 2048;
/** Objects after which a function that makes them is compiled. */
const compileAfter = 100;
/** Longer literals are not faster. */
const maxCompiled = 32;

/** Reads the next value of a message. */
export interface ValueReader {
  value(): unknown;
}

/** Construction of objects with the keys of one block. */
export class ObjectShape {
  readonly block: Uint8Array;
  readonly keys: readonly string[];
  readonly #template: Record<string, unknown> = {};
  #made = 0;
  #compiled: ((reader: ValueReader) => object) | undefined;

  constructor(block: Uint8Array) {
    this.block = block;
    this.keys = keysOf(block);
    for (const key of this.keys) {
      // Not by assignment: `__proto__` is a key like others.
      Object.defineProperty(this.#template, key, { value: null, enumerable: true, writable: true, configurable: true });
    }
  }

  /** An object with these keys, whose values are still to be assigned. */
  blank(): Record<string, unknown> {
    return { ...this.#template };
  }

  /** The next object of the message that the reader reads. */
  read(reader: ValueReader): object {
    if (this.#compiled !== undefined) return this.#compiled(reader);
    if (++this.#made === compileAfter) this.#compiled = compile(this.keys);
    return this.fill(this.blank(), reader);
  }

  fill(object: Record<string, unknown>, reader: ValueReader): object {
    const { keys } = this;
    for (let i = 0; i < keys.length; i++) object[keys[i] as string] = reader.value();
    return object;
  }
}

const shapes = new Map<number, ObjectShape[]>();
let count = 0;
/** The shapes of the last message, by their number there: mostly the next message has the same. */
const recent: ObjectShape[] = [];

/** The shape of the block in these bytes, which is the message's block with this number. */
export function shapeOfBlock(bytes: Uint8Array, start: number, length: number, number: number): ObjectShape {
  const candidate = recent[number];
  if (candidate !== undefined && isEqual(candidate.block, bytes, start, length)) return candidate;
  const shape = find(bytes, start, length);
  if (number < maxKeys) recent[number] = shape;
  return shape;
}

function find(bytes: Uint8Array, start: number, length: number): ObjectShape {
  if (length > maxKeyBlock) throw damaged(`a key block in it has ${length} bytes`);
  // A copy: shared memory may change between two looks.
  const block = Uint8Array.prototype.slice.call(bytes, start, start + length);
  const hash = hashOf(block);
  const known = shapes.get(hash)?.find((shape) => isEqual(shape.block, block, 0, length));
  if (known !== undefined) return known;
  if (count === maxBlocks) {
    shapes.clear();
    count = 0;
  }
  const shape = new ObjectShape(block);
  const others = shapes.get(hash);
  if (others === undefined) shapes.set(hash, [shape]);
  else others.push(shape);
  count++;
  return shape;
}

function isEqual(block: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (block.length !== length) return false;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}

/** FNV-1a. */
function hashOf(block: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < block.length; i++) hash = Math.imul(hash ^ (block[i] as number), 0x01000193);
  return hash;
}

function keysOf(block: Uint8Array): string[] {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
  const keys: string[] = [];
  const number = bytes[0] ?? maxKeys + 1;
  if (number > maxKeys) throw damaged('a key block in it has too many keys');
  let at = 1;
  for (let i = 0; i < number; i++) {
    let length = bytes[at++] ?? 0;
    if (length >= 128) length = (length & 127) | ((bytes[at++] ?? 0) << 7);
    if (at + length > bytes.length) throw damaged('a key block in it ends too soon');
    keys.push(bytes.toString('utf8', at, at + length));
    at += length;
  }
  if (at !== bytes.length) throw damaged('a key block in it is too long');
  return keys;
}

// An object literal: V8 then makes all objects of the shape with one hidden class, at once. The keys come from a peer, so
// they stand in the text as JSON strings only. Programs that forbid code from strings do without.
function compile(keys: readonly string[]): ((reader: ValueReader) => object) | undefined {
  if (keys.length === 0 || keys.length > maxCompiled) return undefined;
  const properties = keys.map((key) => `[${JSON.stringify(key)}]: reader.value()`);
  // A computed name costs time, and only `__proto__` needs one.
  const literal = properties.map((text, i) => (keys[i] === '__proto__' ? text : text.replace(/^\[(.*)\]:/s, '$1:')));
  try {
    return new Function('reader', `return { ${literal.join(', ')} };`) as (reader: ValueReader) => object;
  } catch {
    return undefined;
  }
}
