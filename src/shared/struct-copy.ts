/** Copies ordinary values into the fields of structs, and structs out as ordinary values. */
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { type Field, findLayout, layoutOf, mostCopied, type Part } from './struct-layout.js';
import { bytesOf } from './types.js';

/** A struct with more scalars is shown without a copy. */
const mostShown = 2 ** 16;

/** The struct of an object that merely holds one. */
export const heldStructs = new WeakMap<object, object>();

/**
 * Stores values in the fields.
 *
 * @throws TypeError for anything but a struct, an object with such fields, or an array with their values
 * @throws ValueError for more values than there are fields
 */
export function assign(instance: object, given: unknown): void {
  const value = typeof given === 'object' && given !== null ? (heldStructs.get(given) ?? given) : given;
  const { fields } = layoutOf(instance);
  const target = instance as Record<string, unknown>;
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`Expected an object or an array with values for the fields, got ${describe(value)}`);
  }
  if (Array.isArray(value)) {
    if (value.length > fields.length) throw new ValueError(`Expected ${fields.length} fields, got ${value.length}`);
    for (const [i, each] of value.entries()) target[(fields[i] as Field).name] = each;
    return;
  }
  // A struct's fields are no properties of its own.
  const names = findLayout(value.constructor)?.fields.map(({ name }) => name) ?? Object.keys(value);
  for (const name of names) {
    if (!fields.some((field) => field.name === name)) {
      throw new TypeError(`Expected the name of a field, got ${JSON.stringify(name)}`);
    }
    target[name] = (value as Record<string, unknown>)[name];
  }
}

/** The same for a field that is a struct or a fixed array, given as the window on it. */
export function assignPart(part: Part, target: object, value: unknown): void {
  if (part.kind === 'struct') {
    assign(target, value);
    return;
  }
  const { element, length } = part as Part & { kind: 'array' };
  if (element.kind === 'scalar' && element.scalar.code === 'c') {
    const bytes = bytesOf(value);
    if (bytes.length > length) throw new ValueError(`Expected at most ${length} bytes, got ${bytes.length}`);
    (target as Buffer).fill(0).set(bytes);
    return;
  }
  if (typeof (value as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected an iterable of at most ${length} elements, got ${describe(value)}`);
  }
  const values = [...(value as Iterable<unknown>)];
  if (values.length > length) throw new ValueError(`Expected at most ${length} elements, got ${values.length}`);
  for (const [i, each] of values.entries()) {
    const cells = target as Record<number, unknown>;
    if (element.kind !== 'scalar') assignPart(element, cells[i] as object, each);
    else cells[i] = element.scalar.family === 'converted' ? each : element.scalar.encode(each);
  }
}

/**
 * The fields as an ordinary object.
 *
 * @throws RangeError for a struct of more than 2^24 scalars
 */
export function plainFields(instance: object): Record<string, unknown> {
  const { scalars, fields } = layoutOf(instance);
  if (scalars > mostCopied) {
    throw new RangeError(
      `Expected a struct of at most ${mostCopied} scalars to copy, got ${scalars}: read its fields, which are typed arrays`,
    );
  }
  const values = instance as Record<string, unknown>;
  return Object.fromEntries(fields.map(({ name, part }) => [name, plain(part, values[name])]));
}

/** What `util.inspect` shows, which cuts long arrays off by itself: of a large struct the windows, not copies of them. */
export function shownFields(instance: object): Record<string, unknown> {
  const { scalars, fields } = layoutOf(instance);
  if (scalars <= mostShown) return plainFields(instance);
  return Object.fromEntries(fields.map(({ name }) => [name, (instance as Record<string, unknown>)[name]]));
}

function plain(part: Part, value: unknown): unknown {
  if (part.kind === 'struct') return plainFields(value as object);
  if (part.kind === 'scalar') return value;
  return Array.from(value as Iterable<unknown>, (each) => plain(part.element, each));
}
