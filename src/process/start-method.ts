/** The start method of this program, and whether it is settled. */

import { inspect } from 'node:util';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { ProcessError, ValueError } from '../errors.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { availableMethods, defaultMethod, launcherOf } from './launchers/choose.js';
import type { StartMethod } from './launchers/launcher.js';
import { contextKind, type StartContext } from './options.js';

/** Key of the environment data by which the program's Workers get the method. */
const methodName = 'multiproc:startMethod';

let chosen: StartMethod | undefined;

/** Options of {@link setStartMethod}. */
export interface SetStartMethodOptions {
  /** Replace a method that was set, or used, before. Default `false`. */
  force?: boolean | undefined;
}

/** {@link SetStartMethodOptions}. */
export const setStartMethodOptions = new OptionTable<SetStartMethodOptions>({ force: boolean });

/**
 * Returns the start method and settles it: a later {@link setStartMethod} needs `force`. Mirrors
 * `multiprocessing.get_start_method`.
 */
export function getStartMethod(): StartMethod {
  chosen ??= inherited() ?? defaultMethod();
  return chosen;
}

/**
 * Sets how processes are started, once in a program. Mirrors `multiprocessing.set_start_method`.
 *
 * @param method - `'spawn'`, `'forkserver'` or `'fork'`; with `force`, `null` goes back to the default
 * @throws ProcessError if it has been set, or used, before (Python: `RuntimeError`)
 * @throws ValueError if there is no such method, or not in this program
 */
export function setStartMethod(method: StartMethod | null, options?: SetStartMethodOptions): void {
  setStartMethodOptions.check(options, 'setStartMethod');
  const force = options?.force ?? false;
  if (chosen !== undefined && !force) throw new ProcessError('context has already been set');
  choose(method === null && force ? undefined : checkMethod(method));
}

/**
 * Returns the methods that this program can use; the default is the first. Mirrors
 * `multiprocessing.get_all_start_methods`.
 */
export function getAllStartMethods(): StartMethod[] {
  return availableMethods();
}

/**
 * Returns the method if this program can use it, or could if it were started in another way.
 *
 * @throws ValueError otherwise
 */
export function checkMethod(method: unknown): StartMethod {
  const launcher = typeof method === 'string' ? launcherOf(method) : undefined;
  if (launcher === undefined) throw new ValueError(`cannot find context for ${inspect(method)}`);
  // Whether a program may fork is checked at the fork: the error of start() names the command.
  const reason = launcher.method === 'fork' ? undefined : launcher.unavailable();
  if (reason !== undefined) {
    const others = availableMethods().map((other) => inspect(other));
    const cure = others.length === 0 ? '' : `. Use ${others.join(' or ')}`;
    throw new ValueError(`The start method '${launcher.method}' cannot be used: ${reason}${cure}`);
  }
  return launcher.method;
}

/**
 * Returns the method of an option `context`; `undefined` without one.
 *
 * @throws TypeError unless it is a name or a context of `getContext`; ValueError like {@link checkMethod}
 */
export function methodOfContext(context: unknown): StartMethod | undefined {
  if (context === undefined || context === null) return undefined;
  contextKind.check(context, 'context');
  return checkMethod(typeof context === 'string' ? context : (context as StartContext).getStartMethod());
}

/** Returns the method that was set or used until now. */
export function settledStartMethod(): StartMethod | undefined {
  return chosen;
}

/** Sets the method by which a child was started as its own. */
export function inheritStartMethod(method: StartMethod | undefined): void {
  choose(method);
}

function choose(method: StartMethod | undefined): void {
  chosen = method;
  setEnvironmentData(methodName, method);
}

// Returns the method that the program set, in one of its Workers, which may set another for itself.
function inherited(): StartMethod | undefined {
  const method = isMainThread ? undefined : getEnvironmentData(methodName);
  return method === undefined ? undefined : checkMethod(method);
}
