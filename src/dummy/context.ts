/** Start methods and contexts where everything is a thread: there is one of each. */
import * as api from '../api.js';
import { ProcessError, ValueError } from '../errors.js';
import { ThreadPool } from '../pool/thread-pool.js';
import { self } from '../process/self.js';
import { type SetStartMethodOptions, setStartMethodOptions } from '../process/start-method.js';
import { type AnyMethod, checkAnyMethod, type ThreadMethod } from '../threads/method.js';
import { activeChildren, Process } from '../threads/process.js';

type Api = typeof api;

/** The result of `getContext`: everything that `multiproc/dummy` exports. */
export interface Context
  extends Omit<
    Api,
    'Pool' | 'Process' | 'activeChildren' | 'getAllStartMethods' | 'getStartMethod' | 'setStartMethod' | 'warmUp'
  > {
  readonly Pool: typeof ThreadPool;
  readonly Process: typeof Process;
  activeChildren: typeof activeChildren;
  getContext: typeof getContext;
  getAllStartMethods: typeof getAllStartMethods;
  getStartMethod: typeof getStartMethod;
  /** @throws ValueError always: the method of a context is fixed */
  setStartMethod(method: AnyMethod | null, options?: SetStartMethodOptions): never;
  warmUp: typeof warmUp;
}

let chosen = false;
let context: Context | undefined;

/** Always `'thread'`. Asking settles it, as in `multiproc`. */
export function getStartMethod(): ThreadMethod {
  chosen = true;
  return 'thread';
}

/** `['thread']`. */
export function getAllStartMethods(): ThreadMethod[] {
  return ['thread'];
}

/**
 * Checks what `setStartMethod` of `multiproc` checks, and changes nothing: here everything is a thread.
 *
 * @throws ProcessError if it has been set, or used, before and there is no `force`
 * @throws ValueError if there is no such method
 */
export function setStartMethod(method: AnyMethod | null, options?: SetStartMethodOptions): void {
  setStartMethodOptions.check(options, 'setStartMethod');
  const force = options?.force ?? false;
  // A thread has it from its creator.
  if ((chosen || self.thread !== undefined) && !force) throw new ProcessError('context has already been set');
  if (!(method === null && force)) checkAnyMethod(method);
  chosen = method !== null;
}

/**
 * The only context, whichever start method is named.
 *
 * @throws ValueError if there is no such method
 */
export function getContext(method?: AnyMethod | null): Context {
  if (method !== undefined && method !== null) checkAnyMethod(method);
  context ??= makeContext();
  return context;
}

/** Resolves at once: nothing can be prepared for a thread. */
export async function warmUp(): Promise<void> {}

function makeContext(): Context {
  class DummyContext {}
  const made = new DummyContext();
  const own = {
    Pool: ThreadPool,
    Process,
    activeChildren,
    getContext,
    getAllStartMethods,
    getStartMethod: () => 'thread' as const,
    setStartMethod: () => {
      throw new ValueError('cannot set start method of concrete context');
    },
    warmUp,
  };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true });
  }
  const everything: Api = api;
  for (const name of Object.keys(everything)) {
    if (Object.hasOwn(made, name)) continue;
    // Live, as some of the exports are.
    Object.defineProperty(made, name, {
      get: () => everything[name as keyof Api],
      enumerable: true,
      configurable: true,
    });
  }
  return made as Context;
}
