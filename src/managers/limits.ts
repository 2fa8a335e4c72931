/** How much one client may ask of a server. */
import { constants } from 'node:buffer';
import { ValueError } from '../errors.js';

/** Limits for each client of a manager's server. All are positive whole numbers, or `Infinity`. */
export interface ManagerLimits {
  /** Bytes of one message, which holds the calls of one turn of the event loop. Default 256 MiB. */
  messageBytes?: number | undefined;
  /** Objects in each other, in the arguments of a call that came over TCP. Default 200. */
  nesting?: number | undefined;
  /** Objects of which the client has proxies. Default 100,000. */
  references?: number | undefined;
  /** Calls that wait; further ones begin when some are answered. Default 10,000. */
  calls?: number | undefined;
  /** Bytes of answers that the client has not taken; until it does, no further calls are read. Default 64 MiB. */
  unreadBytes?: number | undefined;
  /** Clients at the same time (of the whole server); others are turned away. Default 1,000. */
  clients?: number | undefined;
}

export type CheckedLimits = { readonly [Name in keyof ManagerLimits]-?: number };

const defaults: CheckedLimits = {
  messageBytes: 256 * 2 ** 20,
  nesting: 200,
  references: 100_000,
  calls: 10_000,
  unreadBytes: 64 * 2 ** 20,
  clients: 1_000,
};

/** @throws TypeError for wrong types and unknown names; ValueError for numbers below 1 */
export function checkLimits(limits: unknown): CheckedLimits {
  if (limits === undefined) return defaults;
  if (typeof limits !== 'object' || limits === null) {
    throw new TypeError(`Expected "limits" to be an object, got ${limits === null ? 'null' : typeof limits}`);
  }
  const checked: Record<string, number> = { ...defaults };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`There is no limit "${name}"`);
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(Number.isInteger(value) || value === Infinity)) {
      throw new TypeError(`Expected the limit "${name}" to be a whole number, got ${String(value)}`);
    }
    if (value < 1) throw new ValueError(`Expected the limit "${name}" to be at least 1, got ${value}`);
    checked[name] = value;
  }
  checked.messageBytes = Math.min(checked.messageBytes as number, constants.MAX_LENGTH);
  return checked as CheckedLimits;
}

/** Whether objects lie in each other more deeply than that. Follows what a structured clone can hold. */
export function isDeeper(value: unknown, most: number): boolean {
  let level: unknown[] = [value];
  const seen = new Set<object>();
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const each of level) {
      if (typeof each !== 'object' || each === null || ArrayBuffer.isView(each) || seen.has(each)) continue;
      if (depth >= most) return true;
      seen.add(each);
      // One by one: a spread of very many would not fit on the stack.
      for (const part of partsOf(each)) next.push(part);
    }
    level = next;
  }
  return false;
}

function partsOf(object: object): Iterable<unknown> {
  if (Array.isArray(object)) return object.filter(() => true);
  if (object instanceof Map) return [...object.keys(), ...object.values()];
  if (object instanceof Set) return object;
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null ? Object.values(object) : [];
}
