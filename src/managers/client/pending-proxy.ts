/** A proxy whose object is being made: it can be awaited, and its methods can be called at once. */
import { inspect } from 'node:util';
import { admitProxy, type Departure, depart, letGo } from '../../serialize/handles.js';
import { isProbe } from './probed-names.js';
import type { BaseProxy } from './proxy.js';

/**
 * @param made the proxy, once its object is made
 * @param finish blocks until it is made
 * @param departure how it travels before it is made
 */
export function pendingProxy(made: Promise<BaseProxy>, finish: () => BaseProxy, departure: () => Departure): object {
  const text = () => '<a proxy whose object is being made>';
  const members: Record<string | symbol, unknown> = {
    // biome-ignore lint/suspicious/noThenProperty: it is awaitable
    then: made.then.bind(made),
    catch: made.catch.bind(made),
    finally: made.finally.bind(made),
    toString: text,
    toJSON: text,
    [inspect.custom]: text,
    [depart]: () => {
      // The call that takes it fails if it cannot be made.
      made.catch(() => {});
      return departure();
    },
    [letGo]() {},
    [Symbol.asyncIterator]: () => iterate(made),
    [Symbol.asyncDispose]: async () => disposeOf(await made),
  };
  const proxy = new Proxy(members, {
    get(target, name) {
      if (name === 'sync') {
        // What fails is thrown here.
        made.catch(() => {});
        return finish().sync;
      }
      if (typeof name === 'symbol' || name in target) return target[name];
      if (isProbe(name)) return undefined;
      return (...args: unknown[]) => made.then((each) => methodOf(each, name)(...args));
    },
  });
  admitProxy(proxy);
  return proxy;
}

function disposeOf(proxy: BaseProxy & Partial<AsyncDisposable>): unknown {
  return Symbol.asyncDispose in proxy ? proxy[Symbol.asyncDispose]?.() : proxy[Symbol.dispose]();
}

function methodOf(proxy: BaseProxy, name: string): (...args: unknown[]) => unknown {
  const method = (proxy as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
  return (...args) => Reflect.apply(method as (...args: unknown[]) => unknown, proxy, args);
}

async function* iterate(made: Promise<BaseProxy>): AsyncGenerator<unknown, void, undefined> {
  yield* (await made) as unknown as AsyncIterable<unknown>;
}
