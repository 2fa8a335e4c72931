/** The objects of a server: how they are made, which ones clients have, and which proxies of them are on their way. */
import { RemoteError } from '../../errors.js';
import { randomNumber } from '../../lifecycle/random-bytes.js';
import { findReference } from '../../serialize/references.js';
import { holdOf } from '../client/proxy.js';
import type { Place } from '../protocol/proxy-handle.js';
import type { ProxyDetails } from '../protocol/proxy-scope.js';
import { ManagedIterator } from '../types/iterator.js';
import type { RegisteredType, Registry } from '../types/registered-type.js';
import { LocalHold } from './local-ref.js';
import { type Exposed, expose } from './method-table.js';

/** An object that clients have proxies of. */
export interface Entry extends Exposed {
  readonly id: number;
  readonly object: unknown;
  readonly details: ProxyDetails;
  readonly methodToTypeid: Readonly<Record<string, string>>;
  /** References of all clients, and of proxies on their way. */
  count: number;
}

/** So many claims may have overtaken what says that their proxies were lent. */
const mostEarly = 10_000;

export class Objects {
  /** Where clients find them. */
  readonly place: Place;
  readonly #registry: Registry;
  readonly #entries = new Map<number, Entry>();
  /** Entries of objects, by type, that are known already. */
  readonly #known = new WeakMap<object, Map<string, Entry>>();
  /** Proxies on their way, and those that arrived before they were said to be on it. */
  readonly #transits = new Map<number, { readonly id: number; readonly lender: object }>();
  readonly #early = new Set<number>();
  /** No number of this server is one of another that was at its address before. */
  #nextId = randomNumber();

  constructor(registry: Registry, place: Place) {
    this.#registry = registry;
    this.place = place;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Makes an object of a type, or asks for one. */
  create(typeid: string, args: unknown[]): unknown {
    const type = this.#registry.get(typeid);
    if (type === undefined) throw new RemoteError(`The manager has no type '${typeid}'`);
    const { callable } = type;
    if (callable === undefined) {
      if (args.length !== 1) throw new TypeError(`Without a callable, '${typeid}' takes the object and nothing else`);
      return args[0];
    }
    return isClass(callable)
      ? Reflect.construct(callable, args)
      : (callable as (...args: unknown[]) => unknown)(...args);
  }

  /** The entry of an object, as what the type is registered. */
  entryOf(typeid: string, made: unknown): Entry {
    const type = this.#registry.get(typeid) ?? builtin.get(typeid);
    const object = typeid === 'Iterator' ? iteratorOver(made) : made;
    if (type === undefined) throw new RemoteError(`The manager has no type '${typeid}'`);
    const byType = isObject(object) ? this.#entriesOf(object) : undefined;
    let entry = byType?.get(typeid);
    if (entry === undefined) {
      entry = this.#makeEntry(typeid, object, type);
      byType?.set(typeid, entry);
    }
    return entry;
  }

  find(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  /** One more has it. */
  retain(entry: Entry): void {
    entry.count++;
    this.#entries.set(entry.id, entry);
  }

  release(entry: Entry, count: number): void {
    entry.count -= count;
    if (entry.count <= 0) this.#entries.delete(entry.id);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** A proxy is on its way: the lender's reference lasts until it is claimed, or the lender is gone. */
  lend(entry: Entry, transit: number, lender: object): boolean {
    if (this.#early.delete(transit) || this.#transits.has(transit)) return false;
    this.#transits.set(transit, { id: entry.id, lender });
    this.retain(entry);
    return true;
  }

  /** It has arrived, or will not. Returns who lent it. */
  settle(transit: number, claimed: boolean): object | undefined {
    const lent = this.#transits.get(transit);
    if (lent === undefined) {
      if (claimed) this.#noteEarly(transit);
      return undefined;
    }
    this.#transits.delete(transit);
    const entry = this.#entries.get(lent.id);
    if (entry !== undefined) this.release(entry, 1);
    return lent.lender;
  }

  /** For people, as Python's `_debug_info`. */
  describe(): string {
    return [...this.#entries.values()]
      .map(({ id, count, details }) => `${id.toString(16)}: ${details.typeid}, ${count} references`)
      .join('\n');
  }

  #entriesOf(object: object): Map<string, Entry> {
    let byType = this.#known.get(object);
    if (byType === undefined) {
      byType = new Map();
      this.#known.set(object, byType);
    }
    return byType;
  }

  #makeEntry(typeid: string, object: unknown, type: RegisteredType): Entry {
    const exposed = expose(object, type.exposed);
    const { proxyType } = type;
    const proxyClass = proxyType === undefined || 'what' in findReference(proxyType) ? undefined : proxyType;
    const details = { typeid, kind: exposed.kind, proxyClass };
    const { methodToTypeid = {} } = type;
    return { ...exposed, id: this.#nextId++, object, details, methodToTypeid, count: 0 };
  }

  /** A claim may overtake what says that its proxy was lent: that comes by another connection. */
  #noteEarly(transit: number): void {
    if (transit === 0) return;
    if (this.#early.size >= mostEarly) this.#early.delete(this.#early.values().next().value as number);
    this.#early.add(transit);
  }
}

/** What the server takes for the object of a proxy that it is given. */
export function objectOf(value: unknown): unknown {
  const hold = holdOf(value);
  return hold instanceof LocalHold ? hold.entry.object : value;
}

/** Types that every server has. */
const builtin: Registry = new Map([['Iterator', {}]]);

function iteratorOver(made: unknown): unknown {
  if (made instanceof ManagedIterator || !isObject(made)) return made;
  const iterable = made as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
  return iterator === undefined ? made : new ManagedIterator(iterator, () => 0);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Classes of JavaScript itself, which do not look like such. */
const constructedOnly = new Set<unknown>([
  Map,
  Set,
  WeakMap,
  WeakSet,
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
  Promise,
  Date,
  URL,
  URLSearchParams,
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
]);

function isClass(callable: unknown): callable is new (...args: unknown[]) => unknown {
  return /^class\b/.test(Function.prototype.toString.call(callable)) || constructedOnly.has(callable);
}
