/**
 * Preparation of values for V8's structured clone: finds what V8 cannot clone by itself, and replaces it.
 *
 * V8 would clone a shared object as a plain one and lose it silently, so every message is checked. The quick check only
 * finds out whether anything is unusual at all; few messages are packed: copied, with a view in place of each function
 * and each shared object, and with a list of the objects that have a class.
 */

import { types } from 'node:util';
import { describeForeign, oneCopy } from '../identity/copies.js';
import { isFromAfar } from './afar.js';
import { classOf, deserializeHook, extraFields, isNative, serializeHook, type TravellingClass } from './classes.js';
import { type Carried, deepestMade } from './clone.js';
import { constructorOf } from './constructors.js';
import { DomExceptions, isDomException } from './dom-exceptions.js';
import { type Departure, depart, isAdmitted, isTraveller } from './handles.js';
import { blankError, classTextOf, type ErrorPacker, packErrorFields } from './packed-errors.js';
import { builtinText, textOf } from './reference-text.js';
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
  [Date, RegExp, ArrayBuffer, Boolean, Number, String].map((leaf) => leaf.prototype),
);

/** … and those whose content is copied. */
const basePrototypes = new Set<object | null>([...leafPrototypes, Array.prototype, Map.prototype, Set.prototype]);

const domExceptionClass: TravellingClass = { text: builtinText('DOMException'), hooks: DomExceptions as never };

/** In the place of the copy while a class's data are packed. */
const unfinished = {};

/** Objects in objects in objects …, more than can be read again. */
export class TooDeep extends RangeError {}

/** Whether V8 alone clones the value rightly, as far as a quick check can see. */
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
    // The check may have begun to remember objects in the middle of a cycle.
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
  /** Texts of the references. */
  readonly table: readonly Buffer[];
  /** Objects with their classes, for `dress`. */
  readonly dressed: readonly unknown[];
  /** Objects in it keep memory until they have arrived. */
  readonly keeps: boolean;
  /** The message is not sent after all. */
  cancel(): void;
}

/**
 * Replaces the objects that travel by handle, functions and classes, and takes down the classes of instances.
 *
 * @param root what the value is called
 * @throws TypeError for what cannot travel, naming its path
 */
export function pack(value: unknown, root: string): Packed {
  const packer = new Packer();
  try {
    const packed = packer.pack(value, { parent: undefined, step: root });
    return { ...packer, value: packed, keeps: packer.keeps };
  } catch (error) {
    packer.cancel();
    throw error;
  }
}

/** The position in the value; written out only for an error. */
interface Path {
  readonly parent: Path | undefined;
  readonly step: string | number;
}

class Packer {
  readonly carried = new Map<unknown, Carried>();
  readonly table: Buffer[] = [];
  dressed: unknown[] = [];
  readonly #indices = new Map<Buffer | string, number>();
  readonly #departures: Departure[] = [];
  readonly #copies = new Map<object, object>();
  /** Copied objects, in order, while an attempt may have to be undone. */
  #journal: object[] | undefined;
  #depth = 0;
  #madeDepth = 0;

  readonly cancel = (): void => {
    for (const departure of this.#departures.splice(0)) departure.cancel();
  };

  get keeps(): boolean {
    return this.#departures.length > 0;
  }

  pack(value: unknown, path: Path): unknown {
    if (typeof value === 'symbol') throw refusal(path, 'a symbol', 'use a string');
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) {
      if (known === unfinished)
        throw refusal(path, 'in the data of itself', 'a class that makes its data may not go in circles');
      return known;
    }
    if (types.isProxy(value) && !isAdmitted(value)) {
      throw refusal(path, 'a Proxy', 'copy it to a plain object: { ...proxy }');
    }
    if (typeof value === 'function') return this.#packFunction(value, path);
    if (++this.#depth > deepest) throw new TooDeep();
    const packed = this.#packObject(value, path);
    this.#depth--;
    return packed;
  }

  #packObject(value: object, path: Path): unknown {
    if (isFromAfar() && isTraveller(value) && !isAdmitted(value)) {
      throw refusal(path, 'a shared object of this machine', 'make one by a manager, and share its proxy');
    }
    if (isTraveller(value)) return this.#carry(value, value[depart](), path);
    const prototype: object | null = Object.getPrototypeOf(value);
    const plain = prototype === Object.prototype || isPlainPrototype(prototype);
    const foreign = plain ? undefined : describeForeign(value);
    if (foreign !== undefined) throw refusal(path, foreign, oneCopy);
    const itsClass = plain ? undefined : this.#classOf(value, prototype as object, path);
    if (itsClass !== undefined && typeof itsClass.hooks[deserializeHook] === 'function') {
      return this.#packMade(value, itsClass, path);
    }
    if (itsClass !== undefined && typeof itsClass.hooks[serializeHook] === 'function') {
      return this.#packState(value, itsClass, path);
    }
    if (isDomException(value)) return this.#packMade(value, domExceptionClass, path);
    if (types.isNativeError(value) || value instanceof Error) return this.#packError(value, path);
    if (Array.isArray(value)) return this.#dressed(this.#packArray(value, path), itsClass);
    if (types.isMap(value))
      return this.#dressed(this.#packMap(value, path), itsClass, this.#packExtra(value, itsClass, path));
    if (types.isSet(value))
      return this.#dressed(this.#packSet(value, path), itsClass, this.#packExtra(value, itsClass, path));
    if (isLeaf(value)) return this.#dressed(value, itsClass, this.#packExtra(value, itsClass, path));
    return this.#dressed(this.#packFields(value, this.#begin(value, {}), path), itsClass);
  }

  /** `undefined` for what V8 itself knows the class of, and for errors, which never fail for their class. */
  #classOf(value: object, prototype: object, path: Path): TravellingClass | undefined {
    if (basePrototypes.has(prototype) || viewIndex(value) !== -1) return undefined;
    const error = types.isNativeError(value) || value instanceof Error;
    const strange = strangeObject(value);
    if (strange !== undefined) throw refusal(path, ...strange);
    if ((isLeaf(value) || isCollection(value)) && isNative(prototype)) return undefined;
    if (error && !hasHooks(prototype)) return undefined;
    const found = classOf(prototype);
    if ('text' in found) return found;
    if (error) return undefined;
    throw refusal(path, found.what, found.cure);
  }

  #packFunction(fn: object, path: Path): ArrayBufferView {
    const text = textOf(fn);
    if (!(text instanceof Uint8Array)) throw refusal(path, text.what, text.cure);
    return this.#refer(fn, text);
  }

  /** A view in the place of a function or class. */
  #refer(fn: object, text: Buffer): ArrayBufferView {
    const view = this.#begin(fn, new Uint8Array(0));
    this.carried.set(view, { reference: this.#index(text) });
    return view;
  }

  /** The number of a reference in the table. */
  #index(text: Buffer): number {
    const key = text.toString('latin1');
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.table.push(text) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }

  #classView(text: Buffer): ArrayBufferView {
    const view = new Uint8Array(0);
    this.carried.set(view, { reference: this.#index(text) });
    return view;
  }

  #dressed(copy: unknown, itsClass: TravellingClass | undefined, extra?: unknown): unknown {
    if (itsClass !== undefined) this.dressed.push(copy, this.#classView(itsClass.text), extra, undefined);
    return copy;
  }

  /** The own fields that a Map, a Date … of a class has beside its content. */
  #packExtra(value: object, itsClass: TravellingClass | undefined, path: Path): object | undefined {
    if (itsClass === undefined) return undefined;
    const keys = extraFields(value);
    return keys.length === 0 ? undefined : this.#packFields(value, {}, path, keys);
  }

  /** The class makes the data, and makes an instance of it again. */
  #packMade(value: object, { text, hooks }: TravellingClass, path: Path): ArrayBufferView {
    if (++this.#madeDepth > deepestMade) throw new TooDeep();
    const outer = this.dressed;
    this.dressed = [];
    this.#begin(value, unfinished);
    const own = hooks[serializeHook]?.(value) ?? { ...value };
    const data = this.pack(own, { parent: path, step: "[Symbol.for('multiproc.serialize')]" });
    const view = new Uint8Array(0);
    this.carried.set(view, { maker: this.#index(text), data: [data, this.dressed] });
    this.#copies.set(value, view);
    this.dressed = outer;
    this.#madeDepth--;
    return view;
  }

  /** The class makes the fields. */
  #packState(value: object, itsClass: TravellingClass, path: Path): unknown {
    const state: unknown = itsClass.hooks[serializeHook]?.(value);
    if (typeof state !== 'object' || state === null)
      throw refusal(path, 'an instance whose class made no object', 'return one');
    return this.#dressed(this.#packFields(state, this.#begin(value, {}), path), itsClass);
  }

  #packError(value: Error, path: Path): Error {
    const copy = this.#begin(value, blankError());
    const { text, exact } = classTextOf(value);
    const packer: ErrorPacker = { attempt: (part, step) => this.#attempt(part, { parent: path, step }) };
    const { shown, hidden } = packErrorFields(value, exact, packer);
    this.dressed.push(copy, this.#classView(text), shown, hidden);
    return copy;
  }

  #attempt(value: unknown, path: Path): { readonly value: unknown } | undefined {
    if ((typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') || value === null) {
      return { value };
    }
    const outer = this.#journal;
    const journal: object[] = [];
    this.#journal = journal;
    const [departures, carried, table] = [this.#departures.length, this.carried.size, this.table.length];
    const { dressed } = this;
    const dressings = dressed.length;
    const depth = [this.#depth, this.#madeDepth] as const;
    try {
      return { value: this.pack(value, path) };
    } catch {
      for (const object of journal.splice(0)) this.#copies.delete(object);
      for (const departure of this.#departures.splice(departures)) departure.cancel();
      for (const view of [...this.carried.keys()].slice(carried)) this.carried.delete(view);
      for (const text of this.table.splice(table)) this.#indices.delete(text.toString('latin1'));
      this.dressed = dressed;
      dressed.length = dressings;
      [this.#depth, this.#madeDepth] = depth;
      return undefined;
    } finally {
      this.#journal = outer;
      outer?.push(...journal);
    }
  }

  #begin<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    this.#journal?.push(value);
    return copy;
  }

  #carry(value: object, departure: Departure, path: Path): ArrayBufferView {
    this.#departures.push(departure);
    const view = this.#begin(value, new Uint8Array(0));
    const nested = departure.handle.nested.map((object) => {
      if (typeof object === 'function') return this.#packFunction(object, { parent: path, step: 'action' });
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

  #packFields(value: object, copy: object, path: Path, keys = Object.keys(value)): object {
    const index = Array.isArray(value);
    for (const key of keys) {
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
  if (ArrayBuffer.isView(value) || types.isDate(value)) return true;
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

function isCollection(value: object): boolean {
  return Array.isArray(value) || types.isMap(value) || types.isSet(value);
}

function hasHooks(prototype: object): boolean {
  const itsClass = constructorOf(prototype);
  return itsClass !== undefined && (serializeHook in itsClass || deserializeHook in itsClass);
}

/** Describes an object that cannot travel under any class. */
function strangeObject(value: object): [string, string] | undefined {
  if (types.isPromise(value)) return ['a Promise', 'await it first'];
  if (types.isSharedArrayBuffer(value)) return ['a SharedArrayBuffer', 'use SharedMemory or SharedArray'];
  if (types.isWeakMap(value) || types.isWeakSet(value)) return ['a weak collection', 'use a Map or a Set'];
  if (types.isGeneratorObject(value)) return ['a generator', 'collect its values in an array'];
  if (types.isSymbolObject(value)) return ['a symbol', 'use a string'];
  return undefined;
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
