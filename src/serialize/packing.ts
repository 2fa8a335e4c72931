/**
 * What of a value V8 can clone by itself, and what has to be replaced first.
 *
 * V8 would take an object of ours for a plain one and lose it silently, so every message is looked through. The quick look
 * only finds out whether anything is unusual at all; few messages are packed: copied, with a view in the place of each
 * object that travels by handle.
 */
import { types } from 'node:util';
import type { Carried } from './clone.js';
import { type Departure, depart, isTraveller } from './handles.js';
import { viewIndex } from './views.js';

/**
 * The quick look may look at an object again and again, until so many objects, or this depth, show that there may be
 * cycles: from then on it remembers where it has been. To remember costs more than V8's cloning itself.
 */
const manyObjects = 1_000_000;
const deep = 200;

/** V8 writes deeper structures than it can read: its reader's stack ends at a depth of about 1,500. */
const deepest = 1000;

/** Elements after which holes in an array are expected to be many. */
const longArray = 1000;

/** Prototypes of objects that V8 clones whole. */
const leafPrototypes = new Set<object | null>(
  [
    Date,
    RegExp,
    ArrayBuffer,
    Boolean,
    Number,
    String,
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ].map((leaf) => leaf.prototype),
);

/** Objects in objects in objects …, more than can be read again. */
export class TooDeep extends RangeError {}

/** Whether V8 alone does right by the value, as far as a quick look can tell. */
export function isPlain(value: unknown): boolean {
  return new QuickLook().isPlain(value);
}

class QuickLook {
  #objects = 0;
  #depth = 0;
  #seen: Set<object> | undefined;

  isPlain(value: unknown): boolean {
    if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol';
    if (value === null) return true;
    this.#objects++;
    if (this.#seen !== undefined || this.#objects > manyObjects || this.#depth > deep) {
      this.#seen ??= new Set();
      if (this.#seen.has(value)) return true;
      this.#seen.add(value);
    }
    // Where the look began to remember, it may have been on a round through a cycle.
    if (++this.#depth > deepest + deep) throw new TooDeep();
    const plain = this.#isPlainObject(value);
    this.#depth--;
    return plain;
  }

  #isPlainObject(value: object): boolean {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#hasPlainFields(value);
    if (prototype === Array.prototype) return this.#isPlainArray(value as unknown[]);
    if (prototype === Map.prototype) return this.#isPlainMap(value as Map<unknown, unknown>);
    if (prototype === Set.prototype) return this.#isPlainSet(value as Set<unknown>);
    return leafPrototypes.has(prototype) || viewIndex(value) !== -1;
  }

  #hasPlainFields(value: object): boolean {
    for (const key in value) {
      const field = (value as Record<string, unknown>)[key];
      if (!isPrimitive(field) && !this.isPlain(field)) return false;
    }
    return true;
  }

  #isPlainArray(value: unknown[]): boolean {
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      if (typeof element === 'number') continue;
      if (!isPrimitive(element) && !this.isPlain(element)) return false;
      // There may be billions of holes.
      if (element === undefined && i > longArray && !(i in value)) return this.#hasPlainFields(value);
    }
    return true;
  }

  #isPlainMap(value: Map<unknown, unknown>): boolean {
    for (const [key, element] of value) {
      if (!(isPrimitive(key) || this.isPlain(key)) || !(isPrimitive(element) || this.isPlain(element))) return false;
    }
    return true;
  }

  #isPlainSet(value: Set<unknown>): boolean {
    for (const element of value) if (!isPrimitive(element) && !this.isPlain(element)) return false;
    return true;
  }
}

function isPrimitive(value: unknown): boolean {
  return typeof value === 'object' ? value === null : typeof value !== 'function' && typeof value !== 'symbol';
}

/** A value that V8 can clone, and what the views in it stand for. */
export interface Packed {
  readonly value: unknown;
  readonly carried: ReadonlyMap<unknown, Carried>;
  /** The message is not sent after all. */
  cancel(): void;
}

/**
 * Replaces the objects that travel by handle.
 *
 * @param root what the value is called
 * @throws TypeError for what cannot travel, naming its path
 */
export function pack(value: unknown, root: string): Packed {
  const packer = new Packer();
  try {
    return {
      value: packer.pack(value, { parent: undefined, step: root }),
      carried: packer.carried,
      cancel: packer.cancel,
    };
  } catch (error) {
    packer.cancel();
    throw error;
  }
}

/** Where in the value we are; written out only for an error. */
interface Path {
  readonly parent: Path | undefined;
  readonly step: string | number;
}

class Packer {
  readonly carried = new Map<unknown, Carried>();
  readonly #departures: Departure[] = [];
  readonly #copies = new Map<object, object>();

  readonly cancel = (): void => {
    for (const departure of this.#departures.splice(0)) departure.cancel();
  };

  pack(value: unknown, path: Path): unknown {
    if (typeof value === 'function') throw refusal(path, nameOfFunction(value), 'send the data that it needs');
    if (typeof value === 'symbol') throw refusal(path, 'a symbol', 'use a string');
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (types.isProxy(value)) throw refusal(path, 'a Proxy', 'copy it to a plain object: { ...proxy }');
    if (isTraveller(value)) return this.#carry(value, value[depart](), path);
    if (Array.isArray(value)) return this.#packArray(value, path);
    if (types.isMap(value)) return this.#packMap(value, path);
    if (types.isSet(value)) return this.#packSet(value, path);
    if (isLeaf(value)) return value;
    if (isPlainPrototype(Object.getPrototypeOf(value))) return this.#packFields(value, this.#begin(value, {}), path);
    throw refusal(path, ...describeObject(value));
  }

  #begin<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    return copy;
  }

  #carry(value: object, departure: Departure, path: Path): ArrayBufferView {
    this.#departures.push(departure);
    const view = this.#begin(value, new Uint8Array(0));
    const nested = departure.handle.nested.map((object) => {
      const at = { parent: path, step: 'getLock()' };
      if (!isTraveller(object)) throw refusal(at, 'a lock of another package', 'use a Lock or an RLock');
      return this.pack(object, at) as ArrayBufferView;
    });
    this.carried.set(view, { handle: departure.handle, nested });
    return view;
  }

  #packArray(value: unknown[], path: Path): unknown {
    return this.#packFields(value, this.#begin(value, new Array(value.length)), path);
  }

  #packFields(value: object, copy: object, path: Path): object {
    const index = Array.isArray(value);
    for (const key of Object.keys(value)) {
      const step = index && /^\d+$/.test(key) ? Number(key) : key;
      const field = this.pack((value as Record<string, unknown>)[key], { parent: path, step });
      // Not by assignment: a field may be called `__proto__`.
      Object.defineProperty(copy, key, { value: field, writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  #packMap(value: Map<unknown, unknown>, path: Path): Map<unknown, unknown> {
    const copy = this.#begin(value, new Map());
    let at = 0;
    for (const [key, element] of value) {
      const name = typeof key === 'object' || typeof key === 'function' ? `values()[${at}]` : `get(${literal(key)})`;
      const packed = this.pack(key, { parent: path, step: `keys()[${at}]` });
      copy.set(packed, this.pack(element, { parent: path, step: name }));
      at++;
    }
    return copy;
  }

  #packSet(value: Set<unknown>, path: Path): Set<unknown> {
    const copy = this.#begin(value, new Set());
    let at = 0;
    for (const element of value) copy.add(this.pack(element, { parent: path, step: `values()[${at++}]` }));
    return copy;
  }
}

function isLeaf(value: object): boolean {
  if (ArrayBuffer.isView(value) || types.isNativeError(value) || types.isDate(value)) return true;
  return (
    types.isRegExp(value) ||
    types.isArrayBuffer(value) ||
    (types.isBoxedPrimitive(value) && !types.isSymbolObject(value))
  );
}

/** Also that of another realm, where `Object` is another one. */
function isPlainPrototype(prototype: object | null): boolean {
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOfFunction(value: { readonly name: string }): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function';
  return value.name === '' ? `a ${kind}` : `the ${kind} ${value.name}`;
}

function describeObject(value: object): [string, string] {
  if (types.isPromise(value)) return ['a Promise', 'await it first'];
  if (types.isSharedArrayBuffer(value)) return ['a SharedArrayBuffer', 'use SharedMemory or SharedArray'];
  if (types.isWeakMap(value) || types.isWeakSet(value)) return ['a weak collection', 'use a Map or a Set'];
  if (types.isGeneratorObject(value)) return ['a generator', 'collect its values in an array'];
  const name = value.constructor?.name;
  return [`an instance of ${name || 'an unnamed class'}`, 'send its data as a plain object'];
}

function refusal(path: Path, what: string, cure: string): TypeError {
  return new TypeError(`${write(path)} is ${what}, which cannot travel: ${cure}`);
}

function write(path: Path): string {
  if (path.parent === undefined) return String(path.step);
  const before = write(path.parent);
  if (typeof path.step === 'number') return `${before}[${path.step}]`;
  if (/^(?:[\p{ID_Start}$_][\p{ID_Continue}$]*|\w+\(.*\)(?:\[\d+\])?)$/su.test(path.step))
    return `${before}.${path.step}`;
  return `${before}[${JSON.stringify(path.step)}]`;
}

function literal(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : `${String(key)}${typeof key === 'bigint' ? 'n' : ''}`;
}
