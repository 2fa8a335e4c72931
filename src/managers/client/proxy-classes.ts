/** The proxies of the kinds of objects that managers make: what they do beside calling methods. */
import { now, parseWait, type Wait } from '../../deadline.js';
import { TimeoutError } from '../../errors.js';
import { attributesOf } from '../types/managed-methods.js';
import { BaseProxy } from './proxy.js';

/** A proxy of an object of which nothing is known: its methods are those that the server exposes. */
export class AutoProxy extends BaseProxy {}

/** Of an iterator: an async one. */
export class IteratorProxy extends BaseProxy {
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => this.callMethod('next') as Promise<IteratorResult<unknown>>,
      return: async () => {
        await this.callMethod('return');
        this[Symbol.dispose]();
        return { done: true, value: undefined };
      },
    };
  }
}

/** What can be iterated over: the server keeps the place. */
class IterableProxy extends BaseProxy {
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    const iterator = (await this.callMethod('iter')) as IteratorProxy;
    try {
      for (;;) {
        const { done, value } = (await iterator.callMethod('next')) as IteratorResult<unknown>;
        if (done === true) return;
        yield value;
      }
    } finally {
      iterator[Symbol.dispose]();
    }
  }
}

/** Of a list or an array: Python's methods, and those of arrays. Iterating gives the items. */
export class ListProxy extends IterableProxy {}
/** Of a dict: Python's methods, and those of Maps. Iterating gives the keys, as in Python. */
export class DictProxy extends IterableProxy {}
/** Of a set. */
export class SetProxy extends IterableProxy {}
/** Of an Array. */
export class ArrayProxy extends IterableProxy {}
/** Of a Namespace. */
export class NamespaceProxy extends BaseProxy {}
/** Of a Value. */
export class ValueProxy extends BaseProxy {}
/** Of an Event. */
export class EventProxy extends BaseProxy {}
/** Of a Barrier. */
export class BarrierProxy extends BaseProxy {}
/** Of a Queue or JoinableQueue. */
export class QueueProxy extends BaseProxy {}

/** Of a Pool: leaving an `await using` block terminates it, as leaving Python's `with` block does. */
export class PoolProxy extends BaseProxy {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.callMethod('terminate');
    await this.callMethod('join');
    this[Symbol.dispose]();
  }
}
/** Of what has become of work that was given to a Pool. */
export class AsyncResultProxy extends BaseProxy {}

/** What {@link AcquirerProxy.hold} gives. */
export interface RemoteHeld {
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Of a lock or semaphore: acquired through the proxy it belongs to this thread. */
export class AcquirerProxy extends BaseProxy {
  /** Acquires it, calls the function, and releases it when the function's promise has settled. */
  async run<T>(fn: () => T | Promise<T>, wait?: Wait): Promise<T> {
    const held = await this.hold(wait);
    try {
      return await fn();
    } finally {
      await held.release();
    }
  }

  /** @throws TimeoutError if it was not free in time */
  async hold(wait?: Wait): Promise<RemoteHeld> {
    const args = wait === undefined ? [] : [wait];
    if ((await this.callMethod('acquire', ...args)) === false) throw new TimeoutError('The lock was not free in time');
    let held = true;
    const release = async () => {
      if (!held) return;
      held = false;
      await this.callMethod('release');
    };
    return { release, [Symbol.asyncDispose]: release };
  }
}

/** Of a Condition. */
export class ConditionProxy extends AcquirerProxy {
  /** Waits until the function, which runs here, returns something true. False when the time is over. */
  async waitFor(predicate: () => unknown, wait?: Wait): Promise<boolean> {
    const { deadline, signal, ref } = parseWait(wait);
    for (;;) {
      if (await predicate()) return true;
      const timeout = deadline === Infinity ? undefined : Math.ceil(deadline - now());
      if (timeout !== undefined && timeout <= 0) return false;
      await this.callMethod('wait', { timeout, signal, ref });
    }
  }
}

/** The class for each kind of object. */
export const proxyClasses: Readonly<Record<string, typeof BaseProxy>> = {
  object: AutoProxy,
  iterator: IteratorProxy,
  list: ListProxy,
  dict: DictProxy,
  set: SetProxy,
  array: ArrayProxy,
  namespace: NamespaceProxy,
  value: ValueProxy,
  event: EventProxy,
  barrier: BarrierProxy,
  queue: QueueProxy,
  joinablequeue: QueueProxy,
  lock: AcquirerProxy,
  semaphore: AcquirerProxy,
  condition: ConditionProxy,
  pool: PoolProxy,
  asyncresult: AsyncResultProxy,
};

// What reads like a property is one, of a promise.
for (const [kind, proxyClass] of Object.entries(proxyClasses)) {
  for (const name of attributesOf(kind)) {
    Object.defineProperty(proxyClass.prototype, name, {
      get(this: BaseProxy) {
        const answer = this.callMethod(name);
        // Tools read such names, too, and drop the promise.
        answer.catch(() => {});
        return answer;
      },
      configurable: true,
    });
  }
}
