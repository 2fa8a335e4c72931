/** Configuration of a named pool: its members have to agree on it. */
import { inspect } from 'node:util';
import { MultiprocError, ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { self } from '../../process/self.js';
import { methodOfContext, settledStartMethod } from '../../process/start-method.js';
import { travellingTarget } from '../../process/target.js';
import { discard, isKeeping, serialize } from '../../serialize/codec.js';
import { findReference } from '../../serialize/references.js';
import type { PoolOptions } from '../options.js';
import type { HostOptions } from './host-start.js';
import type { PoolConfig } from './rendezvous.js';

export type NamedOptions = PoolOptions & { readonly name: string; readonly initargs: unknown[] };

/**
 * Makes the configuration of a new pool.
 *
 * @returns with it the bytes that keep shared objects of the initializer's arguments
 */
export function configOf(size: number, options: NamedOptions): { config: PoolConfig; kept: Buffer | undefined } {
  const { maxTasksPerChild, signals, execArgv, env, resourceLimits, grace = 1000, minWorkers, idleTimeout } = options;
  const host: HostOptions = {
    maxTasksPerChild,
    minWorkers,
    idleTimeout,
    signals,
    execArgv: execArgv && [...execArgv],
    env: env && { ...env },
    resourceLimits,
    grace,
    context: methodOfContext(options.context) ?? inheritable(),
    stdio: stdioOf(options),
    authkey: self.authkey,
  };
  const kept =
    options.initializer == null
      ? undefined
      : serialize([travellingTarget(options.initializer, 'initializer'), options.initargs], 'initargs');
  const texts = { ...defaults, ...textsOf(size, options) };
  return { config: { size, options: serialize(host), initializer: kept, texts }, kept };
}

/**
 * Compares this member's options with the pool that exists.
 *
 * @param size the size, if this member gives one
 * @throws MultiprocError `ERR_MULTIPROC_KIND`
 */
export function checkAgainst(
  { texts, size: found }: PoolConfig,
  size: number | undefined,
  options: NamedOptions,
): void {
  for (const [option, text] of Object.entries(textsOf(size, options))) {
    if (texts[option] === text) continue;
    throw new MultiprocError(
      `Expected the pool named '${options.name}' to have ${option} ${text}, but it exists with ${option} ${texts[option]} ` +
        `(${found} workers): it lasts until its last member ends. Give all programs the same options, leave out those that are to ` +
        'be taken as they are, or take another name',
      { code: 'ERR_MULTIPROC_KIND' },
    );
  }
}

/** @throws ValueError for options that a named pool cannot have, and in a worker of a pool */
export function checkNamed(options: PoolOptions): void {
  if (self.daemon && self.thread === undefined) {
    throw new ValueError(
      `A worker of a pool cannot join the pool '${options.name}': daemonic processes are not allowed to have children, and a ` +
        'task that waits for a task of its own pool may wait for its own worker. Call the function itself',
    );
  }
  stdioOf(options);
  if (methodOfContext(options.context) === 'fork') {
    throw new ValueError(
      "A named pool cannot have the start method 'fork': its workers are not children of this process. Take 'spawn' or 'forkserver'",
    );
  }
}

/** The start method for the host, which cannot fork and has a default of its own. */
function inheritable(): HostOptions['context'] {
  const method = settledStartMethod();
  return method === 'fork' ? undefined : method;
}

function stdioOf({ stdio }: PoolOptions): 'inherit' | 'ignore' | undefined {
  if (stdio === undefined || stdio === 'inherit' || stdio === 'ignore') return stdio;
  throw new ValueError(
    `Expected "stdio" of a named pool to be 'inherit' or 'ignore', got ${describe(stdio)}: its workers write to the ` +
      'streams of the program that started them, and no member can read them',
  );
}

const none = 'none';
const defaults: Readonly<Record<string, string>> = {
  initializer: none,
  initargs: none,
  maxTasksPerChild: none,
  minWorkers: none,
  idleTimeout: none,
  grace: '1000',
  signals: "'ignore'",
  execArgv: none,
  env: none,
  resourceLimits: none,
  stdio: "'inherit'",
  context: 'the default',
};

const comparedOptions = [
  'maxTasksPerChild',
  'minWorkers',
  'idleTimeout',
  'grace',
  'signals',
  'execArgv',
  'resourceLimits',
  'stdio',
] as const;

/** Texts of the given options, for comparison and for errors. */
function textsOf(size: number | undefined, options: NamedOptions): Record<string, string> {
  const { initializer, initargs, context, env, ...others } = options;
  const texts: Record<string, string> = {};
  if (size !== undefined) texts.processes = String(size);
  if (initializer != null) texts.initializer = functionText(travellingTarget(initializer, 'initializer'));
  if (initializer != null && !hasSharedObjects(initargs)) texts.initargs = short(initargs);
  if (context != null) texts.context = inspect(methodOfContext(context));
  if (env !== undefined) texts.env = digest(JSON.stringify(Object.entries(env).sort()));
  for (const option of comparedOptions) {
    if (others[option] != null) texts[option] = short(others[option]);
  }
  return texts;
}

function functionText(fn: (...args: never[]) => unknown): string {
  const reference = findReference(fn);
  if ('what' in reference) return fn.name;
  const name = 'registered' in reference ? reference.registered : ((reference as { name?: string }).name ?? fn.name);
  return `${name} of ${reference.module}`;
}

/** Two programs may pass different shared objects for the same purpose, so these are not compared. */
function hasSharedObjects(args: readonly unknown[]): boolean {
  const bytes = serialize(args, 'initargs');
  if (!isKeeping(bytes)) return false;
  discard(bytes);
  return true;
}

const longest = 300;

function short(value: unknown): string {
  const text = inspect(value, { breakLength: Infinity, depth: 4 });
  return text.length <= longest ? text : `${text.slice(0, longest)}… ${digest(text)}`;
}

/** Digest of a text that may hold secrets, or is long. */
function digest(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}
