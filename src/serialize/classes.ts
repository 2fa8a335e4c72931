/** Classes of instances that travel, and the hooks by which a class encodes its instances itself. */
import { types } from 'node:util';
import { constructorOf } from './constructors.js';
import { placeOf } from './function-places.js';
import { nameOf } from './live-functions.js';
import { isOurs } from './own-folder.js';
import { textOf } from './reference-text.js';
import type { Refusal } from './references.js';

/** A class may define this static method: it makes the data that travels instead of the instance's own fields. */
export const serializeHook: unique symbol = Symbol.for('multiproc.serialize') as never;
/** And this one: it makes the instance from the data, or from the own fields. */
export const deserializeHook: unique symbol = Symbol.for('multiproc.deserialize') as never;

/** The hooks of a class. */
export interface Hooks {
  [serializeHook]?(instance: object): unknown;
  [deserializeHook]?(data: unknown): unknown;
}

/** A class that can travel. */
export interface TravellingClass {
  /** The text that refers to it. */
  readonly text: Buffer;
  readonly hooks: Hooks;
}

const known = new WeakMap<object, TravellingClass>();

/** The class of instances with this prototype, or why they cannot travel. */
export function classOf(prototype: object): TravellingClass | Refusal {
  let found: TravellingClass | Refusal | undefined = known.get(prototype);
  if (found !== undefined) return found;
  found = describe(prototype);
  if ('text' in found) known.set(prototype, found);
  return found;
}

/** Whether the prototype is that of a class which every process has, as V8 knows them, of this realm or another. */
export function isNative(prototype: object): boolean {
  const itsClass = constructorOf(prototype);
  return itsClass !== undefined && placeOf(itsClass) === undefined;
}

function describe(prototype: object): TravellingClass | Refusal {
  const itsClass = constructorOf(prototype);
  if (itsClass?.prototype !== prototype) {
    return { what: 'an object with a prototype of its own', cure: asPlain };
  }
  const name = nameOf(itsClass) || 'an unnamed class';
  const hooks = itsClass as Hooks;
  if (typeof hooks[serializeHook] !== 'function') {
    const base = unfit(prototype);
    if (base !== undefined) {
      const what = base === itsClass ? `an instance of ${name}` : `an instance of ${name}, which extends ${base.name}`;
      return { what, cure: 'toJSON' in prototype ? 'send what its toJSON() returns' : asPlain };
    }
  }
  const text = textOf(itsClass);
  if (text instanceof Uint8Array) return { text, hooks };
  return { what: `an instance of ${name}, which is ${text.what}`, cure: `${text.cure}. Or ${asPlain}` };
}

const asPlain = 'send its data as a plain object';

/** A class among the ancestors whose instances are more than their fields: Node's own, V8's, and ours. */
function unfit(start: object): { readonly name: string } | undefined {
  for (let prototype: object | null = start; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    const itsClass = constructorOf(prototype);
    if (itsClass === undefined) continue;
    const url = placeOf(itsClass)?.url;
    if (url === undefined ? !harmless.has(itsClass.name) : isUnfit(url)) return itsClass;
  }
  return undefined;
}

function isUnfit(url: string): boolean {
  return url.startsWith('node:') ? url !== 'node:events' : isOurs(url);
}

/** Native classes whose instances V8 clones. */
const harmless = new Set(
  [
    'Object Array Map Set Date RegExp ArrayBuffer Boolean Number String BigInt DataView TypedArray Float16Array',
    'Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array',
    'BigInt64Array BigUint64Array Error EvalError RangeError ReferenceError SyntaxError TypeError URIError AggregateError',
  ]
    .join(' ')
    .split(' '),
);

/** Returns the fields of a class's instance beside the content that V8 clones: none for plain instances and arrays. */
export function extraFields(value: object): string[] {
  if (ArrayBuffer.isView(value) || types.isStringObject(value)) return [];
  return Object.keys(value);
}
