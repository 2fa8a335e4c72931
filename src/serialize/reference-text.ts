/** References as text in messages: a JSON list, the shorter the less there is to say. */
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import { damaged } from './handles.js';
import { findReference, type Reference, type Refusal } from './references.js';

/** Instead of a class that cannot be had: for errors, which are not lost for want of their class. */
export interface Fallback {
  /** One of `error-classes.ts`. */
  readonly base: string;
  /** The error's `name`. */
  readonly name: string;
}

/** An entry of a message's table. */
export type Entry = { readonly kind: 'builtin'; readonly name: string } | ReferenceEntry;

export interface ReferenceEntry {
  readonly kind: 'reference';
  readonly reference: Reference;
  readonly fallback: Fallback | undefined;
}

const texts = new WeakMap<object, Buffer>();

/**
 * Returns the text of a reference to a function or class, or why there is none. The Buffer is kept: do not change it.
 */
export function textOf(fn: object): Buffer | Refusal {
  const known = texts.get(fn);
  if (known !== undefined) return known;
  const reference = findReference(fn);
  if ('what' in reference) return reference;
  const text = Buffer.from(JSON.stringify(listOf(reference)));
  texts.set(fn, text);
  return text;
}

/** The text for the class of an error. */
export function errorClassText(errorClass: object, fallback: Fallback): Buffer | Refusal {
  const reference = findReference(errorClass);
  if ('what' in reference) return reference;
  const list = listOf(reference);
  return Buffer.from(JSON.stringify(['error', fallback.base, fallback.name, ...list]));
}

/** The text for a class that every process has. */
export function builtinText(name: string): Buffer {
  return Buffer.from(JSON.stringify([name]));
}

/** Parses the text of a reference. */
export function readText(text: Buffer): Entry {
  let list: unknown;
  try {
    list = JSON.parse(text.toString());
  } catch (cause) {
    throw damaged('a reference in it is no JSON', cause);
  }
  if (!Array.isArray(list)) throw damaged('a reference in it is no list');
  if (list.length === 1 && typeof list[0] === 'string') return { kind: 'builtin', name: list[0] };
  let fallback: Fallback | undefined;
  if (list[0] === 'error' && typeof list[1] === 'string' && typeof list[2] === 'string') {
    fallback = { base: list[1], name: list[2] };
    list = list.slice(3);
  }
  return { kind: 'reference', reference: readReference(list as unknown[]), fallback };
}

function listOf({ module, export: name, registered, name: own, line, column, required }: Reference): unknown[] {
  if (registered !== undefined) return [module, registered];
  return required ? [module, name, line, column, own, 1] : [module, name, line, column, own];
}

function readReference(list: unknown[]): Reference {
  const [module, name, line, column, own, required] = list;
  if (typeof module !== 'string' || typeof name !== 'string') throw damaged('a reference in it names nothing');
  if (!isFile(module)) throw damaged('a reference in it names no module in a file');
  if (list.length === 2) return { module, registered: name };
  // The module was rewritten where the text was made: places in it are not those of the file.
  if (line === null && column === null && own === null) return { module, export: name };
  if (!isCount(line) || !isCount(column) || typeof own !== 'string') throw damaged('a reference in it names no place');
  const reference = { module, export: name, line, column, name: own };
  return required === 1 ? { ...reference, required: true } : reference;
}

function isFile(module: string): boolean {
  if (!module.startsWith('file:///')) return false;
  try {
    return !fileURLToPath(module).includes('\0');
  } catch {
    return false;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
