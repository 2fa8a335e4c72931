/** The options of a Process, and their table. */

import { ValueError } from '../errors.js';
import { boolean, checkedBy, type Kind, kind, nullable, oneOf, text, unexpected } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { isIterable } from './arguments.js';
import type { Launcher, StartMethod } from './launchers/launcher.js';
import { type ResourceLimits, resourceLimitsKind } from './resource-limits.js';
import { checkStdio, type Stdio } from './stdio.js';
import { checkTarget, type Target } from './target.js';

/** The part of a context of `getContext` that concerns starting processes. */
export interface StartContext {
  /** The context's method. */
  getStartMethod(): StartMethod;
}

/** Options of {@link Process}. Null stands for the default, as Python's `None` does. */
export interface ProcessOptions {
  /** The function to run, exported by its module, or `{ module, export? }`. Its promise is awaited. */
  target?: Target | null | undefined;
  /** The target's arguments: an array, or another iterable except a string. Default none. */
  args?: Iterable<unknown> | undefined;
  /** Default: the class's name and a number. */
  name?: string | null | undefined;
  /**
   * Whether it ends with this process instead of outliving it; a daemon may have no children. Default: that of this
   * process.
   */
  daemon?: boolean | null | undefined;
  /** A context of `getContext`, or the name of a start method. Default: the program's start method. */
  context?: StartContext | StartMethod | null | undefined;
  /** Options of node for the child, instead of this process's. */
  execArgv?: readonly string[] | undefined;
  /** The child's environment, instead of this process's. Variables that are `undefined` are left out. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * The child's standard streams: one for stdout and stderr, or one for each of the three: `'inherit'`, `'ignore'`,
   * `'pipe'`, or a descriptor. Default: stdin is the null device, the others are this process's.
   */
  stdio?: Stdio | readonly Stdio[] | undefined;
  /** Limits of its JavaScript engine, in MiB, as a Worker takes them. Beyond them, only the child ends. */
  resourceLimits?: ResourceLimits | undefined;
  /** For compatibility with Python: must be absent or null. */
  group?: null | undefined;
}

/** The option by which a subclass of this package sets its launcher, instead of a start method. */
export const launchedBy: unique symbol = Symbol('multiproc.launchedBy');

/** Options for subclasses of this package. */
export interface OwnProcessOptions extends ProcessOptions {
  readonly [launchedBy]?: Launcher;
}

/** The start method of an option `context`: checked further by `methodOfContext`. */
export const contextKind: Kind<StartContext | StartMethod> = kind(
  'a start method, or what getContext returns',
  (value) => typeof value === 'string' || typeof (value as Partial<StartContext> | null)?.getStartMethod === 'function',
);

/** Whether children react to Ctrl-C. */
export const signalsKind: Kind<'ignore' | 'default'> = oneOf('ignore', 'default');

/** Arguments of a call: no string, whose characters are hardly meant. */
export const argumentsKind: Kind<Iterable<unknown>> = kind(
  'an array, or to be iterable and no string',
  (value) => typeof value !== 'string' && isIterable(value),
);

/** Options of node that `Process` and pools have in common. */
export const runFields = {
  execArgv: kind<readonly string[]>(
    'an array of strings',
    (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  ),
  env: checkedBy<Readonly<Record<string, string | undefined>>>(checkEnv),
  stdio: checkedBy<Stdio | readonly Stdio[]>((value) => void checkStdio(value)),
  resourceLimits: resourceLimitsKind,
};

/** {@link ProcessOptions}. */
export const processOptions = new OptionTable<ProcessOptions>({
  target: checkedBy<Target | null>((value) => void checkTarget(value)),
  args: argumentsKind,
  name: nullable(text),
  daemon: nullable(boolean),
  context: nullable(contextKind),
  ...runFields,
  group: checkedBy<null>((value) => {
    if (value !== null) throw new ValueError('Expected "group" to be absent: there are no groups');
  }),
});

// As in process.env, numbers and booleans become texts.
function checkEnv(env: unknown): void {
  if (typeof env !== 'object' || env === null || Array.isArray(env)) throw unexpected('env', 'an object', env);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || ['string', 'number', 'boolean'].includes(typeof value)) continue;
    throw unexpected(`env.${name}`, 'a string', value);
  }
}
