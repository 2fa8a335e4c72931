/** Functions and classes that travel under a name given to them, because their module exports none, or not them. */

import { pathToFileURL } from 'node:url';
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { loadOf } from './modules.js';

interface Registered {
  readonly name: string;
  /** The module that gave the name: who receives it imports that. */
  readonly module: string;
  readonly fn: object;
  /** The call site of `register`: it may call again from there when the module is loaded again. */
  readonly caller: string;
  /** Differs between two loads of the module. */
  readonly load: unknown;
}

const byName = new Map<string, Registered>();
const byFunction = new WeakMap<object, Registered>();

/**
 * Gives a function or class the name under which it travels to other processes. For those that cannot be found by their
 * module's exports: memoised, bound or otherwise wrapped ones, and all in a bundle.
 *
 * Call it while the module loads, at its top level: who receives the function imports the module that called `register`,
 * and looks the name up. Python has no counterpart; there such functions cannot be pickled.
 *
 * @param name any text; in a program each name means one thing. `'package.function'` is a good habit
 * @returns the function
 * @throws ValueError if another function has the name. A module that is loaded again may give its names again
 * @throws TypeError for wrong types, and for code that lies in no file
 */
export function register<F extends (...args: never[]) => unknown>(name: string, fn: F): F;
export function register<C extends abstract new (...args: never[]) => unknown>(name: string, fn: C): C;
export function register(name: string, fn: object): object {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`Expected "name" to be a text, got ${describe(name)}`);
  if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function or class, got ${describe(fn)}`);
  const call = callOf(register);
  if (call === undefined) throw new TypeError(`register('${name}') was called by code that lies in no file`);
  const before = byName.get(name);
  if (before !== undefined && before.fn !== fn && (before.caller !== call.caller || before.load === call.load)) {
    throw new ValueError(`Expected another name than '${name}': ${before.caller} registered another function under it`);
  }
  const registered = { name, fn, ...call };
  byName.set(name, registered);
  byFunction.set(fn, registered);
  return fn;
}

/** Returns the registration of the function. */
export function registrationOf(fn: object): Registered | undefined {
  return byFunction.get(fn);
}

/** Returns the registration under the name. */
export function registeredAs(name: string): Registered | undefined {
  return byName.get(name);
}

/** The module whose code called the function, and where. */
function callOf(callee: (...args: never[]) => unknown): Omit<Registered, 'name' | 'fn'> | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  let site: NodeJS.CallSite | undefined;
  try {
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.stackTraceLimit = 1;
    Error.captureStackTrace(holder, callee);
    [site] = holder.stack as NodeJS.CallSite[];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
  const file = site?.getFileName();
  const module = file?.startsWith('/') ? pathToFileURL(file).href : file;
  if (!module?.startsWith('file:')) return undefined;
  // Without the query by which a module is loaded anew.
  const caller = `${module.replace(/[?#].*/, '')}:${site?.getLineNumber()}:${site?.getColumnNumber()}`;
  return { module, caller, load: loadOf(module) };
}
