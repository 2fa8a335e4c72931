/** SyncManager: a manager of the usual types of objects. */

import { type PoolOptions, poolOptions } from '../pool/options.js';
import { BaseManager, type ManagerOptions } from './base-manager.js';
import type {
  ArrayProxy,
  BarrierProxy,
  ConditionProxy,
  DictProxy,
  EventProxy,
  JoinableQueueProxy,
  ListProxy,
  LockProxy,
  Made,
  NamespaceProxy,
  PoolProxy,
  QueueProxy,
  SemaphoreProxy,
  SetProxy,
  ValueProxy,
} from './client/proxy-types.js';
import { objectOf } from './server/object-table.js';
import { isStandard } from './server/start-server.js';
import { ManagedBarrier, type ManagedBarrierOptions, managedBarrierOptions } from './types/barrier.js';
import { currentCall } from './types/call-context.js';
import { ManagedCondition } from './types/condition.js';
import { newDict } from './types/dict.js';
import { ManagedEvent } from './types/event.js';
import { withItems } from './types/iterable-arguments.js';
import { ManagedLock, ManagedRLock } from './types/lock.js';
import { ManagedNamespace } from './types/namespace.js';
import { ManagedPool } from './types/pool.js';
import { ManagedJoinableQueue, ManagedQueue } from './types/queue.js';
import { ManagedBoundedSemaphore, ManagedSemaphore } from './types/semaphore.js';
import { checksArguments } from './types/type-registry.js';
import { ManagedArray, ManagedValue } from './types/value.js';

/** How dicts are made: from an object's entries, with strings as keys, or from pairs with keys of any type. */
interface DictMaking {
  (): Made<DictProxy>;
  <V>(content?: Readonly<Record<string, V>>): Made<DictProxy<string, V>>;
  <K, V>(content?: Iterable<readonly [K, V]>): Made<DictProxy<K, V>>;
}

interface BlockingDictMaking {
  (): DictProxy;
  <V>(content?: Readonly<Record<string, V>>): DictProxy<string, V>;
  <K, V>(content?: Iterable<readonly [K, V]>): DictProxy<K, V>;
}

/** What `manager.sync` makes, under each type's name; the manager itself makes the same later. */
interface Makers {
  /** Attributes: `ns.sync.a`, `ns.get('a')`. */
  Namespace(attributes?: Readonly<Record<string, unknown>>): NamespaceProxy;
  /** A list with these items; an Array in the server. */
  list<T = unknown>(items?: Iterable<T>): ListProxy<T>;
  /** A dict of the object's entries, or of these pairs; keys may be of any type. */
  readonly dict: BlockingDictMaking;
  /** A set of these items. */
  set<T = unknown>(items?: Iterable<T>): SetProxy<T>;
  /**
   * A number.
   *
   * @param type as of `Value`
   */
  Value(type: string, initial?: number | bigint | boolean): ValueProxy;
  /**
   * Numbers, as many as there are or as `sizeOrIterable` says.
   *
   * @param type as of `SharedArray`
   */
  Array(type: string, sizeOrIterable: number | Iterable<number>): ArrayProxy;
  /** A queue of up to `maxsize` items; 0: as many as there are. */
  Queue<T = unknown>(maxsize?: number): QueueProxy<T>;
  /** A queue whose `join` waits until each item is acknowledged. */
  JoinableQueue<T = unknown>(maxsize?: number): JoinableQueueProxy<T>;
  /** A lock that one client's thread holds at a time; it is free again when that ends. */
  Lock(): LockProxy;
  /** A lock that its holder can take again. */
  RLock(): LockProxy;
  /** A semaphore of `value` permits, 1 by default. */
  Semaphore(value?: number): SemaphoreProxy;
  /** A semaphore that is never released above its `value`. */
  BoundedSemaphore(value?: number): SemaphoreProxy;
  /** An event, not set. */
  Event(): EventProxy;
  /** A condition over a lock of this manager, by default an RLock of its own. */
  Condition(lock?: LockProxy): ConditionProxy;
  /** A barrier for so many parties. */
  Barrier(parties: number, options?: ManagedBarrierOptions): BarrierProxy;
  /** Its workers are children of the server. It is closed when nobody has a proxy of it any more. */
  // biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters
  Pool<A extends any[] = any[]>(processes?: number | null, options?: PoolOptions<A>): PoolProxy;
}

type Making = {
  [K in keyof Makers]: Makers[K] extends (...args: infer A) => infer P ? (...args: A) => Made<P> : never;
};

/** The generic ones keep their type arguments. */
interface GenericMaking {
  list<T = unknown>(items?: Iterable<T>): Made<ListProxy<T>>;
  readonly dict: DictMaking;
  // biome-ignore lint/suspicious/noExplicitAny: the initializer's parameters
  Pool<A extends any[] = any[]>(processes?: number | null, options?: PoolOptions<A>): Made<PoolProxy>;
  set<T = unknown>(items?: Iterable<T>): Made<SetProxy<T>>;
  Queue<T = unknown>(maxsize?: number): Made<QueueProxy<T>>;
  JoinableQueue<T = unknown>(maxsize?: number): Made<JoinableQueueProxy<T>>;
}

export interface SyncManager extends Omit<Making, keyof GenericMaking>, GenericMaking {}

/**
 * A manager of the usual types: lists, dicts, sets, namespaces, values, queues and locks, which live in its server; mirrors
 * `multiprocessing.managers.SyncManager`. {@link Manager} makes a started one.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: its methods are those of the registered types
export class SyncManager extends BaseManager {
  /** The types' methods once more, which block the thread: `manager.sync.dict()` returns the proxy itself. */
  override get sync(): Makers {
    return super.sync as Makers;
  }
}

const types: Readonly<Record<string, (...args: never[]) => unknown>> = {
  Namespace: (attributes?: Readonly<Record<string, unknown>>) => new ManagedNamespace(attributes),
  list: (items: Iterable<unknown> = []) => withItems([items], (read) => [...read]),
  dict: newDict,
  set: (items?: Iterable<unknown>) => withItems([items], (read) => new Set(read)),
  Value: (type: 'i', initial?: number) => new ManagedValue(type, initial),
  Array: (type: 'i', sizeOrIterable: number | Iterable<number>) =>
    withItems([sizeOrIterable], (read) => new ManagedArray(type, read)),
  Queue: (maxsize?: number) => new ManagedQueue(maxsize),
  JoinableQueue: (maxsize?: number) => new ManagedJoinableQueue(maxsize),
  Lock: () => new ManagedLock(),
  RLock: () => new ManagedRLock(),
  Semaphore: (value?: number) => new ManagedSemaphore(value),
  BoundedSemaphore: (value?: number) => new ManagedBoundedSemaphore(value),
  Event: () => new ManagedEvent(),
  Condition: (lock?: unknown) => new ManagedCondition(objectOf(lock)),
  Barrier: (parties: number, options?: ManagedBarrierOptions) => new ManagedBarrier(parties, options),
};

/** How many arguments those take whose functions do not say it by their parameters: they have defaults. */
const counts: Readonly<Record<string, number>> = { list: 1, Pool: 2 };

for (const [typeid, callable] of Object.entries(types)) SyncManager.register(typeid, { callable });

const resultsStay = { applyAsync: 'AsyncResult', mapAsync: 'AsyncResult', starmapAsync: 'AsyncResult' };
SyncManager.register('AsyncResult', { createMethod: false });
SyncManager.register('Pool', { callable: makePool, methodToTypeid: resultsStay });
isStandard(SyncManager);

for (const [typeid, callable] of Object.entries({ ...types, Pool: makePool })) {
  checksArguments(SyncManager, typeid, (args) => {
    const count = counts[typeid] ?? callable.length;
    if (args.length <= count) return;
    // It would be passed over: options that objects of this kind have where they are no manager's.
    const expected = `at most ${count} ${count === 1 ? 'argument' : 'arguments'}`;
    throw new TypeError(`Expected ${expected} for ${typeid}() of a manager, got ${args.length}`);
  });
}
checksArguments(SyncManager, 'Pool', ([, options]) => poolOptions.check(options as PoolOptions, 'Pool'));
checksArguments(SyncManager, 'Barrier', ([, options]) => {
  managedBarrierOptions.check(options as ManagedBarrierOptions, 'Barrier');
});

/** Options of a pool by which code of the caller's choice could run, or the server's files could be opened. */
const startOptions = ['execArgv', 'env', 'stdio', 'resourceLimits'] as const satisfies readonly (keyof PoolOptions)[];

/** Few servers have pools: they load them when they are asked for one. */
async function makePool(processes?: number | null, options?: PoolOptions): Promise<ManagedPool> {
  if (currentCall().caller.isAfar) {
    const named = startOptions.find((name) => options?.[name] !== undefined);
    if (named !== undefined) {
      throw new TypeError(
        `Expected Pool() of a manager without "${named}", which only clients of the server's own user may give: ` +
          'the server says how processes are started',
      );
    }
  }
  // A stream of the server's cannot be read by its clients.
  if (options?.stdio === 'pipe' || (Array.isArray(options?.stdio) && options.stdio.includes('pipe'))) {
    throw new TypeError(
      "Expected \"stdio\" of a manager's Pool() not to have 'pipe': nothing in the server would read what the workers write. " +
        "Use 'inherit' or 'ignore', or make a Pool in this process",
    );
  }
  const { Pool } = await import('../pool/pool.js');
  return new ManagedPool(processes, () => new Pool(processes, options));
}

/**
 * Starts a server process and returns its manager; mirrors `multiprocessing.Manager`.
 *
 * @throws what {@link BaseManager.start} throws
 */
export async function Manager(options?: Pick<ManagerOptions, 'context' | 'limits' | 'signals'>): Promise<SyncManager> {
  const manager = new SyncManager(options);
  await manager.start();
  return manager;
}
