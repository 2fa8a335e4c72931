/** The classes of errors that every process has: they travel by name. */
import * as ours from '../errors.js';
import { constructorOf } from './constructors.js';

export type ErrorClass = new (message?: string) => Error;

const classes = new Map<string, ErrorClass>();
const names = new WeakMap<object, string>();
for (const errorClass of [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  ...Object.values(ours),
] as unknown as ErrorClass[]) {
  classes.set(errorClass.name, errorClass);
  names.set(errorClass.prototype, errorClass.name);
}

/** The class of that name. */
export function errorClassNamed(name: string): ErrorClass | undefined {
  return classes.get(name);
}

/** The name of the class with this prototype; `undefined` for other classes. */
export function errorClassName(prototype: object): string | undefined {
  return names.get(prototype) ?? foreignName(prototype);
}

/** `Error` of another realm is another one. */
function foreignName(prototype: object): string | undefined {
  const itsClass = constructorOf(prototype);
  if (itsClass === undefined) return undefined;
  const isBuiltin = /^function \w+\(\) \{ \[native code\] \}$/.test(Function.prototype.toString.call(itsClass));
  return isBuiltin && classes.has(itsClass.name) ? itsClass.name : undefined;
}
