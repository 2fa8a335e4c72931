/** Contexts: the whole package, bound to one start method. */
import * as api from './api.js';
import { ValueError } from './errors.js';
import { Manager, type SyncManager } from './managers/sync-manager.js';
import { checkObject } from './options/table.js';
import type { PoolOptions } from './pool/options.js';
import { Pool } from './pool/pool.js';
import type { StartMethod } from './process/launchers/launcher.js';
import type { ProcessOptions } from './process/options.js';
import { isOwnClass } from './process/own-classes.js';
import { Process } from './process/process.js';
import { checkMethod, getStartMethod, methodOfContext, type SetStartMethodOptions } from './process/start-method.js';
import { warmUp } from './process/warm-up.js';

type Api = typeof api;

const everything: Api = api;

/**
 * A context of `getContext`: everything that the package exports, with `Process`, `Pool` and `Manager` of this start
 * method.
 */
export interface Context
  extends Omit<Api, 'Manager' | 'Pool' | 'Process' | 'getStartMethod' | 'setStartMethod' | 'warmUp'> {
  /** Starts its children by the context's method. */
  readonly Process: typeof Process;
  /** Starts its workers by the context's method. */
  readonly Pool: typeof Pool;
  /** As `Manager`; the server is started by the context's method. */
  Manager(options?: Parameters<typeof Manager>[0]): Promise<SyncManager>;
  /** This context, or that of another method. */
  getContext(method?: StartMethod | null): Context;
  /** The context's method. */
  getStartMethod(): StartMethod;
  /** @throws ValueError always: the method of a context is fixed */
  setStartMethod(method: StartMethod | null, options?: SetStartMethodOptions): never;
  /** As `warmUp`, for the context's method. */
  warmUp(): Promise<void>;
}

const classNames = { fork: 'Fork', spawn: 'Spawn', forkserver: 'ForkServer' } as const;
const contexts = new Map<StartMethod, Context>();

/**
 * The context of a start method, of which there is one; without a method that of the program's. Mirrors
 * `multiprocessing.get_context`.
 *
 * @throws ValueError if there is no such method, or not in this program
 */
export function getContext(method?: StartMethod | null): Context {
  const checked = method === undefined || method === null ? getStartMethod() : checkMethod(method);
  let context = contexts.get(checked);
  if (context === undefined) {
    context = makeContext(checked);
    contexts.set(checked, context);
  }
  return context;
}

function makeContext(method: StartMethod): Context {
  const prefix = classNames[method];
  const bound = <T extends { context?: unknown }>(options: T | undefined): T => {
    checkObject(options);
    const other = methodOfContext(options?.context);
    if (other === undefined || other === method) return { ...(options as T), context: method };
    throw new ValueError(`Expected "context" to be absent or '${method}', the method of this context, got '${other}'`);
  };
  const context = new (named(`${prefix}Context`, class {}))() as Context;
  const BoundProcess = named(
    `${prefix}Process`,
    class extends Process {
      constructor(options?: ProcessOptions) {
        super(bound(options));
      }
    },
  );
  isOwnClass(BoundProcess);
  const BoundPool = named(
    `${prefix}Pool`,
    // biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters
    class<A extends any[] = any[]> extends Pool<A> {
      constructor(processes?: number | null, options?: PoolOptions<A>) {
        super(processes, bound(options));
      }
    },
  );
  const own = {
    Process: BoundProcess,
    Pool: BoundPool,
    Manager: (options?: Parameters<typeof Manager>[0]) => Manager(bound(options)),
    getContext: (other?: StartMethod | null) => (other === undefined || other === null ? context : getContext(other)),
    getStartMethod: () => method,
    setStartMethod: () => {
      throw new ValueError('cannot set start method of concrete context');
    },
    warmUp: () => warmUp(method),
  };
  // Live, as some of the exports are.
  for (const name of Object.keys(everything)) {
    Object.defineProperty(context, name, {
      get: () => everything[name as keyof Api],
      enumerable: true,
      configurable: true,
    });
  }
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(context, name, { value, enumerable: true, configurable: true });
  }
  return context;
}

function named<T extends abstract new (...args: never[]) => object>(name: string, value: T): T {
  return Object.defineProperty(value, 'name', { value: name, configurable: true });
}
