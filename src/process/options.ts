/** What a Process can be told when it is made, and the checks of that. */
import type { Launcher, StartMethod } from './launchers/launcher.js';
import type { Stdio } from './stdio.js';
import type { Target } from './target.js';

/** Options of {@link Process}. Null stands for the default, as Python's `None` does. */
export interface ProcessOptions {
  /** What to run: a function that its module exports, or `{ module, export? }`. Its promise is awaited. */
  target?: Target | null | undefined;
  /** The target's arguments: an array, or anything else that can be iterated, but no string. Default none. */
  args?: Iterable<unknown> | undefined;
  /** Default: the class's name and a number. */
  name?: string | null | undefined;
  /** Ends with this process instead of outliving it, and may have no children. Default: as this process is. */
  daemon?: boolean | null | undefined;
  /** What `getContext` returned, or the name of a start method. Default: the program's start method. */
  context?: { getStartMethod(): StartMethod } | StartMethod | null | undefined;
  /** Options of node for the child, instead of this process's. */
  execArgv?: readonly string[] | undefined;
  /** The child's environment, instead of this process's. Variables that are `undefined` are left out. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * The child's standard streams: one for stdout and stderr, or one for each of the three: `'inherit'`, `'ignore'`,
   * `'pipe'`, or a descriptor. Default: stdin is the null device, the others are this process's.
   */
  stdio?: Stdio | readonly Stdio[] | undefined;
  /** For Python's sake: must be absent or null. */
  group?: null | undefined;
}

/** The option by which a subclass of this package says how its children are made, instead of by a start method. */
export const launchedBy: unique symbol = Symbol('multiproc.launchedBy');

/** Options as subclasses of this package may give them. */
export interface OwnProcessOptions extends ProcessOptions {
  readonly [launchedBy]?: Launcher;
}

export function checkExecArgv(execArgv: unknown): readonly string[] | undefined {
  if (execArgv === undefined) return undefined;
  if (Array.isArray(execArgv) && execArgv.every((one) => typeof one === 'string')) return [...execArgv];
  throw wrongType('execArgv', 'an array of strings', execArgv);
}

export function checkEnv(env: unknown): Readonly<Record<string, string | undefined>> | undefined {
  if (env === undefined) return undefined;
  if (typeof env === 'object' && env !== null) return { ...env };
  throw wrongType('env', 'an object', env);
}

export function checkName(name: unknown): void {
  if (typeof name !== 'string') throw wrongType('name', 'a string', name);
}

/** What children do at Ctrl-C. */
export function checkSignals(signals: unknown): void {
  if (signals === undefined || signals === 'ignore' || signals === 'default') return;
  throw new TypeError(`Expected "signals" to be 'ignore' or 'default', got ${String(signals)}`);
}

export function wrongType(what: string, expected: string, got: unknown): TypeError {
  return new TypeError(`Expected "${what}" to be ${expected}, got ${got === null ? 'null' : typeof got}`);
}
