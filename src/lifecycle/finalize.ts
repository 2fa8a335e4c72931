/** Finalizers: callbacks that run once, when their object is collected, when they are called, or at the end of the process. */

import { inspect } from 'node:util';
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { kind } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { writeToStderr } from '../stderr.js';
import { afterForkInChild } from './after-fork.js';
import { inThisContext } from './async-context.js';

/** Options of {@link Finalize}. */
export interface FinalizeOptions {
  /** Run it when this has been collected. */
  readonly object?: object | undefined;
  /** Arguments of the callback. Must not lead to the object. */
  readonly args?: readonly unknown[] | undefined;
  /** Run it at the end of the process: higher ones first, and the newest first among equals. Without: not then. */
  readonly exitPriority?: number | undefined;
}

const finalizeOptions = new OptionTable<FinalizeOptions>({
  object: kind('an object', (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'),
  args: kind('an array', Array.isArray),
  exitPriority: kind('an integer', Number.isInteger),
});

const registered = new Map<Finalize, { readonly priority: number | undefined; readonly order: number }>();
const collected = new FinalizationRegistry<WeakRef<Finalize>>((finalizer) => run(finalizer.deref()));
let count = 0;
let between: () => void = () => {};
let hooked = false;

/**
 * A callback that runs once. Mirrors `multiprocessing.util.Finalize`. An error that it throws without a caller is
 * reported on stderr. It runs in the async context (`AsyncLocalStorage`) in which it was given, which must not lead to
 * the object either.
 *
 * At the end of a process callbacks with a priority of 0 or more run before its daemons are terminated, and negative
 * ones after its children have been joined.
 */
export class Finalize {
  readonly #callback: (...args: never[]) => unknown;
  readonly #args: readonly unknown[];

  /**
   * @throws TypeError for a priority that is no integer
   * @throws ValueError without an object and a priority: it would never run
   */
  constructor(callback: (...args: never[]) => unknown, options: FinalizeOptions = {}) {
    if (typeof callback !== 'function')
      throw new TypeError(`Expected "callback" to be a function, got ${describe(callback)}`);
    finalizeOptions.check(options, 'Finalize');
    const { object, args = [], exitPriority } = options;
    if (object === undefined && exitPriority === undefined) {
      throw new ValueError('Expected an "object" or an "exitPriority": otherwise it would never run');
    }
    this.#callback = inThisContext(callback as () => unknown);
    this.#args = args;
    registered.set(this, { priority: exitPriority, order: count++ });
    if (object !== undefined) collected.register(object, new WeakRef(this), this);
    runAtExit();
  }

  /** Runs the callback, once; returns what it returned, and null from then on. */
  call(): unknown {
    if (!this.#forget()) return null;
    return this.#callback(...(this.#args as never[]));
  }

  /** Cancels the callback. */
  cancel(): void {
    this.#forget();
  }

  /** Whether it may still run. */
  stillActive(): boolean {
    return registered.has(this);
  }

  /** As Python writes it. */
  [inspect.custom](): string {
    const entry = registered.get(this);
    if (entry === undefined) return `<${this.constructor.name} object, dead>`;
    const parts = [`callback=${this.#callback.name || 'anonymous'}`];
    if (this.#args.length > 0) parts.push(`args=${inspect(this.#args)}`);
    if (entry.priority !== undefined) parts.push(`exitPriority=${entry.priority}`);
    return `<${this.constructor.name} object, ${parts.join(', ')}>`;
  }

  #forget(): boolean {
    collected.unregister(this);
    return registered.delete(this);
  }
}

/**
 * Runs the finalizers with at least this priority. One that throws is reported, and the others run. Those that are made
 * meanwhile run, too.
 */
export function runFinalizers(minPriority = Number.NEGATIVE_INFINITY): void {
  for (;;) {
    const next = highest(minPriority);
    if (next === undefined) return;
    run(next);
  }
}

// There is no caller to throw to.
function run(finalizer: Finalize | undefined): void {
  try {
    finalizer?.call();
  } catch (error) {
    report(error);
  }
}

/** Runs `action` at the end of the process, between finalizers of priority 0 and negative ones. */
export function betweenFinalizers(action: () => void): void {
  between = action;
  runAtExit();
}

function highest(minPriority: number): Finalize | undefined {
  let best: Finalize | undefined;
  let rank: readonly [number, number] = [minPriority, -1];
  for (const [finalizer, { priority, order }] of registered) {
    if (priority === undefined || priority < rank[0] || (priority === rank[0] && order < rank[1])) continue;
    best = finalizer;
    rank = [priority, order];
  }
  return best;
}

function report(error: unknown): void {
  writeToStderr(`A finalizer failed: ${inspect(error)}\n`);
}

function runAtExit(): void {
  if (hooked) return;
  hooked = true;
  process.on('exit', finish);
}

function finish(): void {
  runFinalizers(0);
  between();
  runFinalizers();
}

// They are the parent's. The listener may be dropped with the parent's own, so it is put there anew when it is wanted.
afterForkInChild(() => {
  registered.clear();
  process.off('exit', finish);
  hooked = false;
});
