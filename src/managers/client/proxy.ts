/** Proxies: what stands here for an object that lives in a manager's server. */

import { inspect } from 'node:util';
import { parseWait, type WaitOptions } from '../../deadline.js';
import { markCopy } from '../../identity/copies.js';
import { admitProxy, type Departure, depart, letGo, type Traveller } from '../../serialize/handles.js';
import type { ProxyDetails } from '../protocol/proxy-scope.js';
import { methodsOf } from '../types/managed-methods.js';
import type { Registry } from '../types/registered-type.js';
import { waitPosition } from '../types/waiting-methods.js';
import type { CallOptions, Hold } from './object-ref.js';
import { isProbe } from './probed-names.js';
import { syncTwin } from './sync-proxy.js';

interface State {
  readonly hold: Hold;
  readonly details: ProxyDetails;
  readonly registry: Registry | undefined;
  readonly methods: Map<string, (...args: unknown[]) => Promise<unknown>>;
  twin: object | undefined;
}

const states = new WeakMap<object, State>();
const collected = new FinalizationRegistry<Hold>((hold) => hold.release());

/** What a proxy's constructor is given: only this package makes proxies. */
export interface ProxyOrigin {
  readonly hold: Hold;
  readonly details: ProxyDetails;
  readonly registry: Registry | undefined;
}

/**
 * Stands for an object in a manager's server; mirrors `multiprocessing.managers.BaseProxy`. Managers make them.
 *
 * Every method of the object can be called, and returns a Promise; what it throws arrives as the error that it was. `sync`
 * is the twin whose calls block. What the language and tools ask of every value (`then`, `toJSON`, `inspect`, `$$typeof`,
 * symbols …) is answered here and not by the object: {@link callMethod} calls a method of such a name. A class that extends this one, given as `proxyType`, may have methods of its own, which
 * call those of the object by {@link callMethod}.
 *
 * Proxies travel: in arguments, through queues and pipes, into other managers' objects. The object lives on while anybody
 * has a proxy of it, or another object of the server holds it.
 */
export class BaseProxy implements Traveller {
  /** @internal */
  constructor(origin: ProxyOrigin) {
    if (!isOrigin(origin)) throw new TypeError('Proxies are made by managers: call a method of one');
    const proxy = new Proxy(this, traps);
    const { hold, details, registry } = origin;
    const state: State = { hold, details, registry, methods: new Map(), twin: undefined };
    states.set(proxy, state);
    // `inspect` with `showProxy` asks what is behind it.
    states.set(this, state);
    admitProxy(proxy);
    collected.register(proxy, hold, hold);
    // biome-ignore lint/correctness/noConstructorReturn: subclasses and callers see the Proxy alone
    return proxy;
  }

  /**
   * Calls a method of the object by its name; mirrors `BaseProxy._callmethod`. A last argument with an AbortSignal
   * (`{ timeout, signal }`) ends the wait.
   *
   * @throws RemoteError for a method that there is not, or that may not be called
   * @throws SystemError `ECONNRESET`, `ECONNREFUSED`, `ENOENT` … if the server has ended
   */
  callMethod(name: string, ...args: unknown[]): Promise<unknown> {
    try {
      const { hold, details } = stateOf(this);
      const [sent, options] = takeOptions(args, waitPosition(details.kind, name));
      options?.signal?.throwIfAborted();
      return hold.call(name, sent, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A copy of the object; mirrors `BaseProxy._getvalue`. Objects in it that are proxies stay so. */
  async getValue(): Promise<unknown> {
    return this.callMethod('getValue');
  }

  /** The twin of this proxy, whose calls block the thread until the server answers. */
  get sync(): object {
    const state = stateOf(this);
    state.twin ??= syncTwin(state.hold, state.details, this);
    return state.twin;
  }

  /** Lets go of the object before the proxy is collected. */
  [Symbol.dispose](): void {
    const { hold } = stateOf(this);
    collected.unregister(hold);
    hold.release();
  }

  /** @internal */
  [letGo](): void {
    this[Symbol.dispose]();
  }

  /** @internal */
  [depart](): Departure {
    const { hold, details } = stateOf(this);
    return hold.depart(this, details);
  }

  /** Says what it stands for, without asking the server. Mirrors `repr(proxy)`. */
  toString(): string {
    const { hold, details } = stateOf(this);
    return `<${this.constructor.name} object, typeid '${details.typeid}' at ${hold.where}>`;
  }

  /** The same: `JSON.stringify` does not ask the server either. `JSON.stringify(await proxy.getValue())` writes the content. */
  toJSON(): string {
    return this.toString();
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
}
markCopy(BaseProxy.prototype);

/** What a proxy has its object by; `undefined` for what is no proxy. */
export function holdOf(proxy: unknown): Hold | undefined {
  return typeof proxy === 'object' && proxy !== null ? states.get(proxy)?.hold : undefined;
}

/** The kind of object that a proxy stands for; `undefined` for what is no proxy. */
export function kindOf(proxy: unknown): string | undefined {
  return typeof proxy === 'object' && proxy !== null ? states.get(proxy)?.details.kind : undefined;
}

const origins = new WeakSet<object>();

/** Makes a proxy of the class. */
export function construct(proxyClass: abstract new (...args: never[]) => unknown, origin: ProxyOrigin): object {
  origins.add(origin);
  return Reflect.construct(proxyClass, [origin]) as object;
}

function isOrigin(origin: object | undefined): boolean {
  return origin !== undefined && origins.has(origin);
}

function stateOf(proxy: object): State {
  const state = states.get(proxy);
  if (state === undefined) throw new TypeError('Expected "this" to be a proxy');
  return state;
}

const traps: ProxyHandler<BaseProxy> = {
  get(target, name, proxy) {
    if (typeof name === 'symbol' || name in target) return Reflect.get(target, name, proxy);
    const { methods, details, registry } = stateOf(proxy);
    if (isProbe(name) && !isKnown(name, details, registry)) return undefined;
    let method = methods.get(name);
    if (method === undefined) {
      method = (...args) => (proxy as BaseProxy).callMethod(name, ...args);
      methods.set(name, method);
    }
    return method;
  },
  set(target, name, value, proxy) {
    if (typeof name === 'symbol' || name in target || name.startsWith('_')) {
      return Reflect.set(target, name, value, proxy);
    }
    throw new TypeError(`Expected "sync.${name}" or a method: nothing is assigned to a proxy without blocking`);
  },
};

/** What every value answers by itself, whatever methods its object has. */
const own = new Set(['then', 'toJSON']);

/** Whether the object is known here to have a method of a name that tools ask for, too. */
function isKnown(name: string, { typeid, kind }: ProxyDetails, registry: Registry | undefined): boolean {
  if (own.has(name)) return false;
  if (methodsOf(kind)?.has(name) === true) return true;
  const type = registry?.get(typeid);
  if (type?.exposed !== undefined) return type.exposed.includes(name);
  const prototype = (type?.callable as { prototype?: object } | undefined)?.prototype;
  return typeof prototype === 'object' && name in prototype && !name.startsWith('_');
}

/**
 * Separates what concerns the waiting here from what the server is told.
 *
 * @param position of the argument that says how to wait, if that is known; else the last one does if it has a signal, which
 *   cannot be meant for the object
 */
function takeOptions(args: unknown[], position: number | undefined): [unknown[], CallOptions | undefined] {
  const last = args.at(-1);
  if (position !== undefined && position !== args.length - 1) return [args, undefined];
  if (typeof last === 'number' && position !== undefined) return [args, { timeout: last }];
  if (typeof last !== 'object' || last === null) return [args, undefined];
  if (position !== undefined) parseWait(last as WaitOptions);
  // The argument may be data: a typed array has millions of properties, so they are enumerated only with a signal there.
  else if (!((last as WaitOptions).signal instanceof AbortSignal)) return [args, undefined];
  const { signal, ref, ...rest } = last as WaitOptions & Record<string, unknown>;
  if (position === undefined) parseWait({ signal, ref });
  const { timeout } = rest;
  const sent = args.slice(0, -1);
  if (Object.keys(rest).length > 0) sent.push(rest);
  return [sent, { signal, ref, timeout: position === undefined ? undefined : (timeout ?? undefined) }];
}
