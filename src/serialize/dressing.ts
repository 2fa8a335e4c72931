/** Restoration of classes: plain objects, Maps and errors of V8's clone become instances again. */

import { checkAllowed } from './allowance.js';
import { DomExceptions } from './dom-exceptions.js';
import { type ErrorClass, errorClassNamed } from './error-classes.js';
import { damaged } from './handles.js';
import { type Entry, type Fallback, readText } from './reference-text.js';
import { isResolved, resolveReference } from './references.js';

/** Stands for the class of an error that cannot be had here. */
export class Substitute {
  readonly base: ErrorClass;
  readonly name: string;

  constructor({ base, name }: Fallback) {
    this.base = errorClassNamed(base) ?? Error;
    this.name = name;
  }
}

/** Texts that were read lately. What they refer to may become another one: modules can be loaded again. */
const lately = new Map<string, Entry>();
const most = 1000;

/** The function or class that a text refers to. */
export function resolveText(text: Buffer): object {
  return resolveEntry(entryOf(text));
}

/**
 * Resolves all references of a message. No module is loaded before all of them are allowed and the rest of the message
 * is known to be intact.
 *
 * @param rehearse reads the message without them; throws if it is damaged
 */
export function resolveTexts(texts: readonly Buffer[], rehearse: () => void): object[] {
  const entries = texts.map(entryOf);
  for (const entry of entries)
    if (entry.kind === 'reference' && entry.fallback === undefined) checkAllowed(entry.reference);
  if (entries.some((entry) => entry.kind === 'reference' && !isResolved(entry.reference))) rehearse();
  return entries.map(resolveEntry);
}

function entryOf(text: Buffer): Entry {
  const key = text.toString('latin1');
  let entry = lately.get(key);
  if (entry === undefined) {
    entry = readText(text);
    if (lately.size >= most) lately.clear();
    lately.set(key, entry);
  }
  return entry;
}

function resolveEntry(entry: Entry): object {
  if (entry.kind === 'builtin') {
    const found = entry.name === 'DOMException' ? DomExceptions : errorClassNamed(entry.name);
    if (found === undefined) throw damaged('a reference in it names no class');
    return found;
  }
  try {
    checkAllowed(entry.reference);
    return resolveReference(entry.reference);
  } catch (error) {
    if (entry.fallback === undefined) throw error;
    // The error is worth more than its class.
    return new Substitute(entry.fallback);
  }
}

/** Number of list entries for each object: itself, its class, its enumerable fields, its other fields. */
const stride = 4;

/**
 * Gives objects their classes, and the fields that V8 did not clone.
 *
 * @param list the packer's list: object, class, shown, hidden; and so on
 * @param untouchable returns whether the message did not make the object
 */
export function dress(list: unknown, untouchable: (object: object) => boolean): void {
  if (list === undefined) return;
  if (!Array.isArray(list) || list.length % stride !== 0) throw damaged('its list of instances is none');
  for (let i = 0; i < list.length; i += stride) {
    const [object, itsClass, shown, hidden] = list.slice(i, i + stride) as [object, object, unknown, unknown];
    if (typeof object !== 'object' || object === null || untouchable(object)) {
      throw damaged('an instance in it is no object of its own');
    }
    if (itsClass instanceof Substitute) {
      Object.setPrototypeOf(object, itsClass.base.prototype);
      define(object, 'name', itsClass.name, false);
    } else {
      Object.setPrototypeOf(object, prototypeOf(itsClass));
    }
    defineAll(object, shown, true);
    defineAll(object, hidden, false);
  }
}

function prototypeOf(itsClass: unknown): object {
  const prototype: unknown = typeof itsClass === 'function' ? itsClass.prototype : undefined;
  if (typeof prototype !== 'object' || prototype === null) throw damaged('the class of an instance in it is none');
  return prototype;
}

function defineAll(object: object, fields: unknown, enumerable: boolean): void {
  if (typeof fields !== 'object' || fields === null) return;
  for (const key of Object.keys(fields)) define(object, key, (fields as Record<string, unknown>)[key], enumerable);
}

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  try {
    Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true });
  } catch (cause) {
    throw damaged(`a field ${key} does not go where it should`, cause);
  }
}
