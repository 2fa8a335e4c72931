/** Which methods of an object clients may call: nothing else of it can be reached. */

import { ManagedBarrier } from '../types/barrier.js';
import { ManagedCondition } from '../types/condition.js';
import { DictMethods, overMap, overObject } from '../types/dict.js';
import { ManagedEvent } from '../types/event.js';
import { ManagedIterator } from '../types/iterator.js';
import { ListMethods } from '../types/list.js';
import { ManagedLock, ManagedRLock } from '../types/lock.js';
import { methodsOf } from '../types/managed-methods.js';
import { ManagedNamespace } from '../types/namespace.js';
import { ManagedAsyncResult, ManagedPool } from '../types/pool.js';
import { ManagedJoinableQueue, ManagedQueue } from '../types/queue.js';
import { ManagedBoundedSemaphore, ManagedSemaphore } from '../types/semaphore.js';
import { SetMethods } from '../types/set.js';
import { ManagedArray, ManagedValue } from '../types/value.js';

type Method = (...args: unknown[]) => unknown;

/** An object as the server has it for its clients. */
export interface Exposed {
  readonly kind: string;
  readonly methods: ReadonlyMap<string, Method>;
}

/** What every object has from `Object`, and what promises look for: never a method of anybody's. */
const never = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'then']);

/**
 * @param exposed the names that may be called; without, what the kind of object has, or every method that does not begin
 *   with an underscore
 */
export function expose(object: unknown, exposed: readonly string[] | undefined): Exposed {
  const { kind, target } = describe(object);
  const names = exposed ?? methodsOf(kind) ?? publicNames(target);
  const methods = new Map<string, Method>();
  for (const name of names) {
    const method = never.has(name) ? undefined : methodNamed(target, name);
    if (method !== undefined) methods.set(name, (...args) => Reflect.apply(method, target, args));
  }
  if (!methods.has('getValue')) methods.set('getValue', () => object);
  return { kind, methods };
}

function describe(object: unknown): { kind: string; target: unknown } {
  if (Array.isArray(object)) return { kind: 'list', target: new ListMethods(object) };
  if (object instanceof Map && isPlain(object, Map)) return { kind: 'dict', target: overMap(object) };
  if (object instanceof Set && isPlain(object, Set)) return { kind: 'set', target: new SetMethods(object) };
  const own = kindOf(object);
  if (own !== undefined) return { kind: own, target: object };
  if (isRecord(object)) return { kind: 'dict', target: overObject(object) };
  return { kind: 'object', target: object };
}

/** The classes of the objects that managers make. */
const ownClasses = new Set<unknown>([
  DictMethods,
  ManagedArray,
  ManagedAsyncResult,
  ManagedBarrier,
  ManagedBoundedSemaphore,
  ManagedCondition,
  ManagedEvent,
  ManagedIterator,
  ManagedJoinableQueue,
  ManagedLock,
  ManagedNamespace,
  ManagedPool,
  ManagedQueue,
  ManagedRLock,
  ManagedSemaphore,
  ManagedValue,
]);

function kindOf(object: unknown): string | undefined {
  if (typeof object !== 'object' || object === null || !ownClasses.has(object.constructor)) return undefined;
  return (object.constructor as unknown as { readonly kind: string }).kind;
}

function isPlain(object: object, itsClass: { prototype: object }): boolean {
  return Object.getPrototypeOf(object) === itsClass.prototype;
}

/** A plain object of data; one with functions in it is an object with methods. */
function isRecord(object: unknown): object is Record<string, unknown> {
  if (typeof object !== 'object' || object === null) return false;
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return !Object.values(object).some((value) => typeof value === 'function');
}

function publicNames(target: unknown): Set<string> {
  const names = new Set<string>();
  if (typeof target !== 'object' && typeof target !== 'function') return names;
  for (let each = target as object | null; isOfUser(each); each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) if (!name.startsWith('_')) names.add(name);
  }
  return names;
}

function isOfUser(object: object | null): object is object {
  return object !== null && object !== Object.prototype && object !== Function.prototype;
}

/** Looked up without running a getter. */
function methodNamed(target: unknown, name: string): Method | undefined {
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null) return undefined;
  for (let each: object | null = target; isOfUser(each); each = Object.getPrototypeOf(each)) {
    const descriptor = Object.getOwnPropertyDescriptor(each, name);
    if (descriptor === undefined) continue;
    return typeof descriptor.value === 'function' ? (descriptor.value as Method) : undefined;
  }
  return undefined;
}
