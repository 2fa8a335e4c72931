/** How much one client may ask of a server. */
import { constants } from 'node:buffer';
import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { checkedBy, type Kind, unexpected } from '../../options/kinds.js';
import { OptionTable } from '../../options/table.js';

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

const limit: Kind<number> = checkedBy((value, name) => {
  if (typeof value !== 'number' || !(Number.isInteger(value) || value === Infinity)) {
    throw new TypeError(`Expected the limit "${name}" to be a whole number, got ${describe(value)}`);
  }
  if (value < 1) throw new ValueError(`Expected the limit "${name}" to be at least 1, got ${value}`);
});

const table = new OptionTable<ManagerLimits>({
  messageBytes: limit,
  nesting: limit,
  references: limit,
  calls: limit,
  unreadBytes: limit,
  clients: limit,
});

/** The option `limits`. */
export const limitsKind: Kind<ManagerLimits> = checkedBy((limits, name) => {
  if (typeof limits !== 'object' || limits === null) throw unexpected(name, 'an object', limits);
  table.check(limits, name);
});

/** Checked limits, with the defaults for those that are absent. */
export function readLimits(limits: ManagerLimits = {}): CheckedLimits {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  const read: CheckedLimits = { ...defaults, ...Object.fromEntries(given) };
  return { ...read, messageBytes: Math.min(read.messageBytes, constants.MAX_LENGTH) };
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

/**
 * Whether the arrays in the value are together longer than the message that they came in: only sparse ones are, as every other
 * element takes a byte. A walk over such a length would keep the server from its other clients. Follows what {@link isDeeper} does.
 */
export function hasLongArray(value: unknown, bytes: number): boolean {
  const seen = new Set<object>();
  const left: unknown[] = [value];
  let length = 0;
  while (left.length > 0) {
    const each = left.pop();
    if (typeof each !== 'object' || each === null || ArrayBuffer.isView(each) || seen.has(each)) continue;
    if (Array.isArray(each)) length += each.length;
    if (length > bytes) return true;
    seen.add(each);
    for (const part of partsOf(each)) if (typeof part === 'object') left.push(part);
  }
  return false;
}

/** Whether a value has more parts than that, each counted as often as it is referred to. Follows what {@link isDeeper} does. */
export function isLarger(value: unknown, most: number): boolean {
  const left: unknown[] = [value];
  for (let count = 0; left.length > 0; count++) {
    if (count + left.length > most) return true;
    const each = left.pop();
    if (typeof each !== 'object' || each === null || ArrayBuffer.isView(each)) continue;
    for (const part of partsOf(each)) left.push(part);
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
