/** A proxy whose object is being made: it can be awaited, and its methods can be called at once. */
import { admitProxy, type Departure, depart, letGo } from '../serialize/handles.js';
import type { BaseProxy } from './proxy.js';

/**
 * @param made the proxy, once it is there
 * @param finish blocks until it is
 */
export function pendingProxy(made: Promise<BaseProxy>, finish: () => BaseProxy): object {
  const members: Record<string | symbol, unknown> = {
    // biome-ignore lint/suspicious/noThenProperty: it is awaitable
    then: made.then.bind(made),
    catch: made.catch.bind(made),
    finally: made.finally.bind(made),
    [depart]: (): Departure => finish()[depart](),
    [letGo]() {},
    [Symbol.asyncIterator]: () => iterate(made),
    [Symbol.asyncDispose]: async () => disposeOf(await made),
  };
  const proxy = new Proxy(members, {
    get(target, name) {
      if (name === 'sync') {
        // What goes wrong is thrown here.
        made.catch(() => {});
        return finish().sync;
      }
      if (typeof name === 'symbol' || Object.hasOwn(target, name)) return target[name];
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
