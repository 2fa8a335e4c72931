/** How the fields of a struct lie in memory: where C would put them on 64-bit Linux. */
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { type ScalarType, typeOf } from './types.js';

/** What one field, or one element of a fixed array, is. */
export type Part =
  | { readonly kind: 'scalar'; readonly size: number; readonly alignment: number; readonly scalar: ScalarType }
  | {
      readonly kind: 'array';
      readonly size: number;
      readonly alignment: number;
      readonly element: Part;
      readonly length: number;
    }
  | { readonly kind: 'struct'; readonly size: number; readonly alignment: number; readonly layout: StructLayout };

export interface Field {
  readonly name: string;
  /** In bytes from the start of the struct. */
  readonly offset: number;
  readonly part: Part;
}

export interface StructLayout {
  readonly fields: readonly Field[];
  /** In bytes, a multiple of the alignment. */
  readonly size: number;
  readonly alignment: number;
  /** The same as JSON: two structs are the same in memory, and by name, if their texts are equal. */
  readonly text: string;
  /** Scalars in it, nested ones and those in fixed arrays too. */
  readonly scalars: number;
  /** JavaScript objects and converted elements that reading all of its fields makes. */
  readonly objects: number;
  /** The typecodes of all scalars in it, nested ones too. */
  readonly codes: ReadonlySet<string>;
  /** The class that was declared with it, if one was. */
  readonly declared: unknown;
}

/** The text of a layout, which lies beside the elements in shared memory, has at most so many bytes. */
export const longestText = 16 * 1024;
const deepest = 16;
const largest = 2 ** 31 - 1;
/** A size does not bound them: an element may have no bytes, and the file of a large struct may be sparse. */
const mostObjects = 2 ** 20;
/** A struct with more scalars is not copied as a whole. */
export const mostCopied = 2 ** 24;

const namePattern = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const reserved = new Set(['__proto__', 'constructor', 'toJSON']);

/** The layouts of the classes that `Struct` returned. */
export const layouts = new WeakMap<object, StructLayout>();

/**
 * Lays fields out.
 *
 * @throws TypeError for an unknown type or a name that cannot be a field's; ValueError for a negative length; RangeError
 *   for a struct that is too large, too deep, or has too many fields, elements that are objects, or converted elements
 */
export function layOut(fields: unknown, depth = 0): StructLayout {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new TypeError(`Expected "fields" to be an object, got ${describe(fields)}`);
  }
  const entries = Object.entries(fields);
  if (entries.length === 0) throw new TypeError('Expected a struct to have at least one field');
  const placed: Field[] = [];
  let end = 0;
  let alignment = 1;
  for (const [name, type] of entries) {
    if (!namePattern.test(name) || reserved.has(name)) {
      throw new TypeError(`Expected the name of a field, got ${JSON.stringify(name)}`);
    }
    const part = partOf(type, depth);
    const offset = align(end, part.alignment);
    placed.push({ name, offset, part });
    end = checkSize(offset + part.size);
    alignment = Math.max(alignment, part.alignment);
  }
  const text = `{${placed.map(({ name, part }) => `"${name}":${textOf(part)}`).join()}}`;
  if (end === 0) throw new RangeError('Expected a struct of at least one byte');
  if (text.length > longestText) throw new RangeError(`Expected a struct with fewer fields than ${entries.length}`);
  const codes = new Set(placed.flatMap(({ part }) => [...codesOf(part)]));
  const size = checkSize(align(end, alignment));
  const scalars = sum(placed, scalarsOf);
  const objects = checkObjects(1 + sum(placed, objectsOf));
  return { fields: placed, size, alignment, text, scalars, objects, codes, declared: undefined };
}

/** The layout that a text describes, which somebody else may have written: it is checked as a user's fields are. */
export function parseLayout(text: string): StructLayout {
  return layOut(JSON.parse(text));
}

/** The layout of a class that `Struct` made, or of a subclass of one; `undefined` for anything else. */
export function findLayout(type: unknown): StructLayout | undefined {
  for (let each = type; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    const layout = layouts.get(each);
    if (layout !== undefined) return layout;
  }
  return undefined;
}

export function layoutOf(instance: object): StructLayout {
  return findLayout(instance.constructor) as StructLayout;
}

/** 32 bits that differ for most layouts that differ. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function partOf(type: unknown, depth: number): Part {
  if (depth >= deepest) throw new RangeError(`Expected structs and arrays nested at most ${deepest} deep`);
  if (typeof type === 'function') {
    const layout = layouts.get(type);
    if (layout !== undefined) return structPart({ ...layout, declared: type }, depth);
  } else if (Array.isArray(type)) {
    return arrayPart(type, depth);
  } else if (typeof type === 'object' && type !== null) {
    return structPart(layOut(type, depth + 1), depth);
  }
  const scalar = typeOf(type);
  return { kind: 'scalar', size: scalar.size, alignment: scalar.size, scalar };
}

function structPart(layout: StructLayout, depth: number): Part {
  if (depth + depthOf(layout) >= deepest) {
    throw new RangeError(`Expected structs and arrays nested at most ${deepest} deep`);
  }
  return { kind: 'struct', size: layout.size, alignment: layout.alignment, layout };
}

function arrayPart(type: readonly unknown[], depth: number): Part {
  const [of, length] = type;
  if (type.length !== 2 || typeof length !== 'number' || !Number.isInteger(length)) {
    throw new TypeError("Expected a fixed array to be a type and a length, such as ['i', 4]");
  }
  if (length < 0) throw new ValueError(`Expected the length of a fixed array to be at least 0, got ${length}`);
  const element = partOf(of, depth + 1);
  checkObjects(length * objectsOf(element));
  return { kind: 'array', size: checkSize(element.size * length), alignment: element.alignment, element, length };
}

function depthOf(layout: StructLayout): number {
  return 1 + Math.max(...layout.fields.map(({ part }) => depthOfPart(part)));
}

function depthOfPart(part: Part): number {
  if (part.kind === 'scalar') return 0;
  return part.kind === 'array' ? 1 + depthOfPart(part.element) : depthOf(part.layout);
}

function sum(fields: readonly Field[], count: (part: Part) => number): number {
  return fields.reduce((total, { part }) => total + count(part), 0);
}

function scalarsOf(part: Part): number {
  if (part.kind === 'scalar') return 1;
  return part.kind === 'array' ? part.length * scalarsOf(part.element) : part.layout.scalars;
}

function objectsOf(part: Part): number {
  if (part.kind === 'scalar') return 0;
  if (part.kind === 'struct') return part.layout.objects;
  const { element, length } = part;
  if (element.kind !== 'scalar') return 1 + length * objectsOf(element);
  // A typed array over the memory is one object; booleans and code points are converted one by one.
  return element.scalar.family === 'converted' && element.scalar.code !== 'c' ? 1 + length : 1;
}

function checkObjects(objects: number): number {
  if (objects > mostObjects) {
    throw new RangeError(
      `Expected a struct of at most ${mostObjects} structs, arrays and converted elements, got ${objects}`,
    );
  }
  return objects;
}

function codesOf(part: Part): Iterable<string> {
  if (part.kind === 'scalar') return [part.scalar.code];
  return part.kind === 'array' ? codesOf(part.element) : part.layout.codes;
}

function textOf(part: Part): string {
  if (part.kind === 'scalar') return `"${part.scalar.code}"`;
  return part.kind === 'array' ? `[${textOf(part.element)},${part.length}]` : part.layout.text;
}

function checkSize(size: number): number {
  if (size > largest) throw new RangeError(`Expected a struct of at most ${largest} bytes, got ${size}`);
  return size;
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
