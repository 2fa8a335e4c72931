/** Errors as data: an error of V8's, which arrives as one, and beside it the class and all own fields. */
import { constructorOf } from './constructors.js';
import { errorClassName } from './error-classes.js';
import { Pruning } from './pruning.js';
import { builtinText, errorClassText } from './reference-text.js';

/** The interface of the packer that `packError` calls. */
export interface ErrorPacker {
  /** Packs a part if it can travel: what the attempt left behind is taken back otherwise. */
  attempt(value: unknown, step: string): { readonly value: unknown } | undefined;
}

export interface PackedFields {
  readonly shown: Record<string, unknown>;
  /** Those that are not enumerable. */
  readonly hidden: Record<string, unknown>;
}

/** An error for V8 to write: all that it says is among the fields. */
export function blankError(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const blank = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return blank;
}

/** The class under which the error arrives: its own, or the nearest ancestor that can travel. */
export function classTextOf(error: Error): { text: Buffer; exact: boolean } {
  let exact = true;
  for (let prototype = Object.getPrototypeOf(error); prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    const builtin = errorClassName(prototype);
    if (builtin !== undefined) return { text: builtinText(builtin), exact };
    const itsClass = constructorOf(prototype);
    if (itsClass !== undefined && itsClass.prototype === prototype) {
      const text = errorClassText(itsClass, { base: baseOf(prototype), name: String(error.name) });
      if (text instanceof Uint8Array) return { text, exact };
    }
    exact = false;
  }
  return { text: builtinText('Error'), exact };
}

/**
 * All own fields. Parts of them that cannot travel are left out, each at its depth, for the error must not be lost; a cause,
 * or one of several errors, of which nothing can travel becomes its text.
 */
export function packErrorFields(error: Error, exact: boolean, packer: ErrorPacker): PackedFields {
  const fields: PackedFields = { shown: Object.create(null), hidden: Object.create(null) };
  for (const key of Object.getOwnPropertyNames(error)) {
    const packed = packField(error, key, packer);
    if (packed === undefined) continue;
    const target = Object.prototype.propertyIsEnumerable.call(error, key) ? fields.shown : fields.hidden;
    define(target, key, packed.value);
  }
  // Under another class it would get another one.
  if (!exact) for (const key of ['name', 'message']) inherit(error, key, fields);
  return fields;
}

function inherit(error: Error, key: string, { hidden }: PackedFields): void {
  if (!Object.hasOwn(error, key)) define(hidden, key, describe((error as unknown as Record<string, unknown>)[key]));
}

function packField(error: Error, key: string, packer: ErrorPacker): { readonly value: unknown } | undefined {
  let value: unknown;
  try {
    value = (error as unknown as Record<string, unknown>)[key];
  } catch {
    // A field whose getter throws is left out.
    return undefined;
  }
  const pruning = new Pruning(packer.attempt);
  if (key === 'errors' && Array.isArray(value)) {
    return { value: value.map((one, i) => (pruning.prune(one, `errors[${i}]`) ?? { value: describe(one) }).value) };
  }
  return pruning.prune(value, key) ?? (key === 'cause' ? { value: describe(value) } : undefined);
}

function describe(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function baseOf(start: object): string {
  for (let prototype: object | null = start; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    const name = errorClassName(prototype);
    if (name !== undefined) return name;
  }
  return 'Error';
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
