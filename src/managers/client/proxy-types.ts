/** What proxies look like to TypeScript. */
import type { Wait } from '../../deadline.js';
import type { AsyncCallbacks } from '../../pool/async-result.js';
import type { ApplyOptions, ImapOptions, MapAsyncOptions, MapOptions } from '../../pool/options.js';
import type { PoolStats } from '../../pool/stats.js';
import type { BaseManager } from '../base-manager.js';
import type { TypeOptions } from '../types/registered-type.js';
import type { BaseProxy } from './proxy.js';
import type { RemoteHeld } from './proxy-classes.js';

type Callable = (...args: never[]) => unknown;

/** The methods of an object, each returning a Promise. */
export type Promised<T> = {
  [K in keyof T as T[K] extends Callable ? K : never]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** The methods of an object as the blocking twin has them. */
export type Blocking<T> = {
  [K in keyof T as T[K] extends Callable ? K : never]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Awaited<R>
    : never;
};

/** A proxy of an object with these methods. */
export type ProxyOf<T, S = Blocking<T>> = Omit<BaseProxy, 'sync' | 'getValue'> &
  Promised<T> & { readonly sync: S; getValue(): Promise<unknown> };

/** What a manager's methods return: it can be awaited, or used at once. */
export type Made<P> = P & Promise<P>;

interface ListMembers<T> {
  append(item: T): void;
  extend(items: Iterable<T>): void;
  insert(index: number, item: T): void;
  remove(item: T): void;
  pop(index?: number): T;
  clear(): void;
  index(item: T, start?: number, stop?: number): number;
  count(item: T): number;
  sort(compare?: (a: T, b: T) => number): void;
  reverse(): void;
  copy(): T[];
  get(index: number): T | undefined;
  set(index: number, item: T): void;
  delete(index: number): void;
  at(index: number): T | undefined;
  push(...items: T[]): number;
  unshift(...items: T[]): number;
  shift(): T | undefined;
  splice(start: number, deleteCount?: number, ...items: T[]): T[];
  slice(start?: number, end?: number): T[];
  concat(...items: (T | readonly T[])[]): T[];
  fill(value: T, start?: number, end?: number): void;
  includes(item: T, from?: number): boolean;
  indexOf(item: T, from?: number): number;
  lastIndexOf(item: T, from?: number): number;
  join(separator?: string): string;
  keys(): number[];
  values(): T[];
  entries(): [number, T][];
  forEach(fn: (item: T, index: number) => void): void;
  map<U>(fn: (item: T, index: number) => U): U[];
  filter(fn: (item: T, index: number) => unknown): T[];
  find(fn: (item: T, index: number) => unknown): T | undefined;
  findIndex(fn: (item: T, index: number) => unknown): number;
  some(fn: (item: T, index: number) => unknown): boolean;
  every(fn: (item: T, index: number) => unknown): boolean;
  reduce<U>(fn: (result: U, item: T) => U, initial: U): U;
  getValue(): T[];
}

/** A proxy of a list or a plain array. */
export type ListProxy<T = unknown> = Omit<BaseProxy, 'sync' | 'getValue'> &
  Promised<ListMembers<T>> &
  AsyncIterable<T> & {
    readonly length: Promise<number>;
    readonly sync: Blocking<ListMembers<T>> & Iterable<T> & { [index: number]: T; readonly length: number };
  };

interface DictMembers<K, V> {
  get(key: K, fallback?: V): V | undefined;
  set(key: K, value: V): void;
  has(key: K): boolean;
  delete(key: K): boolean;
  clear(): void;
  keys(): K[];
  values(): V[];
  entries(): [K, V][];
  items(): [K, V][];
  forEach(fn: (value: V, key: K) => unknown): void;
  pop(key: K, ...fallback: V[]): V;
  popItem(): [K, V];
  popitem(): [K, V];
  setDefault(key: K, value?: V): V;
  setdefault(key: K, value?: V): V;
  update(...contents: (Iterable<readonly [K, V]> | Readonly<Record<string, V>>)[]): void;
  copy(): Record<string, V> | Map<K, V>;
  getValue(): Record<string, V> | Map<K, V>;
}

/** A proxy of a dict, a Map or a plain object. Iterating gives the keys. */
// biome-ignore lint/suspicious/noExplicitAny: a dict with keys of some type fits where the type is left open
export type DictProxy<K = any, V = unknown> = Omit<BaseProxy, 'sync' | 'getValue'> &
  Promised<DictMembers<K, V>> &
  AsyncIterable<K> & {
    readonly size: Promise<number>;
    // biome-ignore lint/suspicious/noExplicitAny: keys are properties beside the methods
    readonly sync: Blocking<DictMembers<K, V>> & Iterable<[K, V]> & { readonly size: number; [key: string]: any };
  };

interface SetMembers<T> {
  add(item: T): void;
  has(item: T): boolean;
  delete(item: T): boolean;
  discard(item: T): void;
  remove(item: T): void;
  pop(): T;
  clear(): void;
  keys(): T[];
  values(): T[];
  entries(): [T, T][];
  update(...others: Iterable<T>[]): void;
  copy(): Set<T>;
  union(...others: Iterable<T>[]): Set<T>;
  intersection(...others: Iterable<T>[]): Set<T>;
  difference(...others: Iterable<T>[]): Set<T>;
  symmetricDifference(other: Iterable<T>): Set<T>;
  isSubset(other: Iterable<T>): boolean;
  isSuperset(other: Iterable<T>): boolean;
  isDisjoint(other: Iterable<T>): boolean;
  issubset(other: Iterable<T>): boolean;
  issuperset(other: Iterable<T>): boolean;
  isdisjoint(other: Iterable<T>): boolean;
  getValue(): Set<T>;
}

/** A proxy of a set. */
export type SetProxy<T = unknown> = Omit<BaseProxy, 'sync' | 'getValue'> &
  Promised<SetMembers<T>> &
  AsyncIterable<T> & {
    readonly size: Promise<number>;
    readonly sync: Blocking<SetMembers<T>> & Iterable<T> & { readonly size: number };
  };

interface NamespaceMembers {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  has(name: string): boolean;
  delete(name: string): boolean;
  keys(): string[];
  toText(): string;
  getValue(): Record<string, unknown>;
}

/** A proxy of a Namespace. */
export type NamespaceProxy = ProxyOf<
  NamespaceMembers,
  // biome-ignore lint/suspicious/noExplicitAny: attributes are of any type
  Blocking<NamespaceMembers> & { [name: string]: any }
>;

interface ValueMembers {
  get(): number;
  set(value: number | bigint | boolean): void;
  add(operand: number): number;
  sub(operand: number): number;
  and(operand: number): number;
  or(operand: number): number;
  xor(operand: number): number;
  exchange(value: number): number;
  compareExchange(expected: number, replacement: number): number;
  getValue(): number;
}

/** A proxy of a Value. */
export type ValueProxy = ProxyOf<ValueMembers, Blocking<ValueMembers> & { value: number }> & {
  readonly value: Promise<number>;
};

/** A proxy of an Array. */
export type ArrayProxy = ListProxy<number>;

interface AcquirerMembers {
  acquire(wait?: Wait): boolean;
  tryAcquire(): boolean;
  release(n?: number): void;
}

interface AcquirerUse {
  run<T>(fn: () => T | Promise<T>, wait?: Wait): Promise<T>;
  hold(wait?: Wait): Promise<RemoteHeld>;
}

interface BlockingUse {
  run<T>(fn: () => T, wait?: Wait): T;
  hold(wait?: Wait): { release(): void; [Symbol.dispose](): void };
}

interface LockMembers extends AcquirerMembers {
  locked(): boolean;
  markConsistent(): void;
}

/** A proxy of a Lock or RLock. */
export type LockProxy = ProxyOf<LockMembers, Blocking<LockMembers> & BlockingUse & { readonly ownerDied: boolean }> &
  AcquirerUse & { readonly ownerDied: Promise<boolean> };

/** A proxy of a Semaphore or BoundedSemaphore. */
export type SemaphoreProxy = ProxyOf<AcquirerMembers, Blocking<AcquirerMembers> & BlockingUse> & AcquirerUse;

interface EventMembers {
  set(): void;
  clear(): void;
  isSet(): boolean;
  wait(wait?: Wait): boolean;
}

/** A proxy of an Event. */
export type EventProxy = ProxyOf<EventMembers>;

interface ConditionMembers extends LockMembers {
  wait(wait?: Wait): boolean;
  notify(n?: number): void;
  notifyAll(): void;
}

/** A proxy of a Condition. */
export type ConditionProxy = ProxyOf<
  ConditionMembers,
  Blocking<ConditionMembers> & BlockingUse & { waitFor(predicate: () => unknown, wait?: Wait): boolean }
> &
  AcquirerUse & { waitFor(predicate: () => unknown, wait?: Wait): Promise<boolean> };

interface BarrierMembers {
  wait(wait?: Wait): number;
  reset(): void;
  abort(): void;
}

/** A proxy of a Barrier. */
export type BarrierProxy = ProxyOf<
  BarrierMembers,
  Blocking<BarrierMembers> & { readonly parties: number; readonly nWaiting: number; readonly broken: boolean }
> & { readonly parties: Promise<number>; readonly nWaiting: Promise<number>; readonly broken: Promise<boolean> };

interface QueueMembers<T> {
  put(item: T, wait?: Wait): void;
  putNoWait(item: T): void;
  tryPut(item: T): boolean;
  putMany(items: Iterable<T>, wait?: Wait): void;
  get(wait?: Wait): T;
  getNoWait(): T;
  tryGet(): T | undefined;
  getMany(max: number, wait?: Wait): T[];
  qsize(): number;
  empty(): boolean;
  full(): boolean;
  end(): void;
  getValue(): T[];
}

/** A proxy of a Queue. */
export type QueueProxy<T = unknown> = ProxyOf<QueueMembers<T>>;

interface JoinableQueueMembers<T> extends QueueMembers<T> {
  taskDone(): void;
  join(wait?: Wait): boolean;
}

/** A proxy of a JoinableQueue. */
export type JoinableQueueProxy<T = unknown> = ProxyOf<JoinableQueueMembers<T>>;

interface PoolMembers {
  close(): void;
  terminate(): void;
  join(wait?: Wait): boolean;
  stats(): PoolStats;
}

interface AsyncResultMembers<T> {
  get(wait?: Wait): T;
  wait(wait?: Wait): void;
  ready(): boolean;
  successful(): boolean;
}

/** A proxy of what has become of work that was given to a managed pool. It is not awaited itself: call `get()`. */
export type AsyncResultProxy<T = unknown> = ProxyOf<AsyncResultMembers<T>>;

interface IteratorMembers<T> {
  next(wait?: Wait): IteratorResult<T, undefined>;
  return(): IteratorResult<T, undefined>;
}

/** A proxy of an iterator: an async one, and on `sync` one that blocks. */
export type IteratorProxy<T = unknown> = ProxyOf<IteratorMembers<T>, Blocking<IteratorMembers<T>> & Iterable<T>> &
  AsyncIterable<T>;

type ToSpread<A extends unknown[]> = Iterable<Readonly<A>>;

/** A pool's methods that take functions, which run in the server's workers; callbacks run in the server. */
interface PoolUse {
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>>;
  apply<A extends unknown[], R>(
    fn: (...args: A) => R,
    args?: Readonly<NoInfer<A>>,
    options?: ApplyOptions,
  ): Promise<Awaited<R>>;
  map<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: MapOptions): Promise<Awaited<R>[]>;
  starmap<A extends unknown[], R>(fn: (...args: A) => R, items: ToSpread<A>, o?: MapOptions): Promise<Awaited<R>[]>;
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    args?: Readonly<NoInfer<A>>,
    options?: ApplyOptions & AsyncCallbacks<Awaited<R>>,
  ): Promise<AsyncResultProxy<Awaited<R>>>;
  mapAsync<T, R>(
    fn: (item: T) => R,
    items: Iterable<T>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): Promise<AsyncResultProxy<Awaited<R>[]>>;
  starmapAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    items: ToSpread<A>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): Promise<AsyncResultProxy<Awaited<R>[]>>;
  imap<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: ImapOptions): Promise<IteratorProxy<Awaited<R>>>;
  imapUnordered<T, R>(
    fn: (item: T) => R,
    items: Iterable<T>,
    options?: ImapOptions,
  ): Promise<IteratorProxy<Awaited<R>>>;
}

interface BlockingPoolUse {
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Awaited<R>;
  apply<A extends unknown[], R>(fn: (...args: A) => R, args?: Readonly<NoInfer<A>>, options?: ApplyOptions): Awaited<R>;
  map<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: MapOptions): Awaited<R>[];
  starmap<A extends unknown[], R>(fn: (...args: A) => R, items: ToSpread<A>, options?: MapOptions): Awaited<R>[];
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    args?: Readonly<NoInfer<A>>,
    options?: ApplyOptions & AsyncCallbacks<Awaited<R>>,
  ): AsyncResultProxy<Awaited<R>>;
  mapAsync<T, R>(
    fn: (item: T) => R,
    items: Iterable<T>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): AsyncResultProxy<Awaited<R>[]>;
  starmapAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    items: ToSpread<A>,
    options?: MapAsyncOptions<Awaited<R>>,
  ): AsyncResultProxy<Awaited<R>[]>;
  imap<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: ImapOptions): IteratorProxy<Awaited<R>>;
  imapUnordered<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: ImapOptions): IteratorProxy<Awaited<R>>;
}

/** A proxy of a Pool. */
export type PoolProxy = ProxyOf<PoolMembers, Blocking<PoolMembers> & BlockingPoolUse> &
  PoolUse & { [Symbol.asyncDispose](): Promise<void> };

/** The proxy that an object gets. */
export type ProxyFor<T> = T extends BaseProxy
  ? T
  : T extends readonly (infer E)[]
    ? ListProxy<E>
    : T extends Map<infer K, infer V>
      ? DictProxy<K, V>
      : T extends Set<infer E>
        ? SetProxy<E>
        : ProxyOf<T>;

/** Functions or classes that make objects. */
export type TypeFactories = Readonly<Record<string, Callable | (abstract new (...args: never[]) => unknown)>>;

/** The methods that managers get for the types. */
export type Makers<T extends TypeFactories> = {
  [K in keyof T]: T[K] extends abstract new (
    ...args: infer A
  ) => infer R
    ? (...args: A) => Made<ProxyFor<R>>
    : T[K] extends (...args: infer A) => infer R
      ? (...args: A) => Made<ProxyFor<Awaited<R>>>
      : never;
};

/** The same, blocking. */
export type BlockingMakers<T extends TypeFactories> = {
  [K in keyof T]: T[K] extends abstract new (
    ...args: infer A
  ) => infer R
    ? (...args: A) => ProxyFor<R>
    : T[K] extends (...args: infer A) => infer R
      ? (...args: A) => ProxyFor<Awaited<R>>
      : never;
};

/** What `BaseManager.define` returns. */
export type DefinedManager<T extends TypeFactories, B extends abstract new (...args: never[]) => BaseManager> = {
  new (
    ...args: ConstructorParameters<B>
  ): Omit<InstanceType<B>, 'sync'> & Makers<T> & { readonly sync: BlockingMakers<T> };
  register(typeid: string, options?: TypeOptions): void;
};
