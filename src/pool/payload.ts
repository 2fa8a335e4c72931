/**
 * How arguments, items and results lie in a record of a pool: numbers packed as such, common values in the compact form
 * that queues have, everything else as a message of `serialize`.
 */
import { discard, isKeeping, isReferring, prepareNow, serialize } from '../serialize/codec.js';
import { Later, Message, mostUnits, readRecord, type Window, writeRecord } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { bytesOfView, makeView, viewIndex } from '../serialize/views.js';

/** What the bytes after a record's header are. */
export const Packing = {
  /** Values one after the other: arguments, or one result. */
  values: 0,
  /** One message with the list of them. */
  list: 1,
  /** int32 each. */
  integers: 2,
  /** float64 each. */
  doubles: 3,
} as const;
export type Packing = (typeof Packing)[keyof typeof Packing];

/** What is to be written. */
export interface Payload {
  readonly packing: Packing;
  /** For `values` and `list`: values that have a record, or messages. Else numbers, of which `from` … `to` count. */
  readonly values: ArrayLike<unknown>;
  readonly from: number;
  readonly to: number;
  /** At most. */
  readonly units: number;
}

/** A payload of no values. */
export const noValues: Payload = { packing: Packing.values, values: [], from: 0, to: 0, units: 0 };

/** Arguments of one call, or its result as the only one. Views in it are read when it is written. */
export function packValues(values: readonly unknown[], root: string): Payload {
  let units = 0;
  let others = 0;
  let views = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const size = mostUnits(value);
    if (size === 0) others++;
    else if (typeof value === 'object' && value !== null) views++;
    units += size;
  }
  if (others === 0 && views <= 1) return { packing: Packing.values, values, from: 0, to: values.length, units };
  if (values.length === 1) return packMessage(Packing.values, serialize(values[0], root === 'args' ? 'args[0]' : root));
  // Together, so that what is twice in it arrives as one.
  return packList(values, root);
}

/** A list of any values. */
function packList(values: readonly unknown[], root: string): Payload {
  return packMessage(Packing.list, serialize(values, root));
}

function packMessage(packing: Packing, bytes: Buffer): Payload {
  const message = new Message(bytes);
  return { packing, values: [message], from: 0, to: 1, units: mostUnits(message) };
}

/** Items of a chunk, packed as numbers if they all are. */
export function packItems(items: ArrayLike<unknown>, from: number, to: number, root: string): Payload {
  const packing = numericPacking(items, from, to);
  if (packing === Packing.integers) return { packing, values: items, from, to, units: (to - from + 1) >> 1 };
  if (packing === Packing.doubles) return { packing, values: items, from, to, units: to - from };
  return packList(Array.prototype.slice.call(items, from, to), root);
}

function numericPacking(items: ArrayLike<unknown>, from: number, to: number): Packing {
  let i = from;
  for (; i < to; i++) {
    const item = items[i];
    if (typeof item !== 'number' || (item | 0) !== item || (item === 0 && 1 / item < 0)) break;
  }
  if (i === to) return Packing.integers;
  for (; i < to; i++) if (typeof items[i] !== 'number') return Packing.list;
  return Packing.doubles;
}

/** The same with nothing in it that its owner may still change. */
export function freeze(payload: Payload): Payload {
  const { packing, values, from, to } = payload;
  if (packing === Packing.integers) {
    return {
      ...payload,
      values: Int32Array.from({ length: to - from }, (_, i) => values[from + i] as number),
      from: 0,
      to: to - from,
    };
  }
  if (packing === Packing.doubles) {
    return {
      ...payload,
      values: Float64Array.from({ length: to - from }, (_, i) => values[from + i] as number),
      from: 0,
      to: to - from,
    };
  }
  return { ...payload, values: Array.prototype.map.call(values, frozen) as unknown[] };
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Message) return value;
  return makeView(viewIndex(value), bytesOfView(value as ArrayBufferView));
}

/** Whether shared objects in it are kept until somebody has received them. */
export function isKeepingPayload({ values, packing }: Payload): boolean {
  if (packing > Packing.list) return false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Message && isKeeping(value.bytes)) return true;
  }
  return false;
}

/** Nobody will receive the payload: shared objects in it are no longer kept. */
export function dropPayload({ values, packing }: Payload): void {
  if (packing > Packing.list) return;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Message && isKeeping(value.bytes)) discard(value.bytes);
  }
}

/** The same for values that were read, and that nobody will finish. */
export function dropValues(values: ArrayLike<unknown>): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Later) value.drop();
  }
}

/** Writes it at the unit `at`; how many units it took. */
export function writePayload(window: Window, at: number, { packing, values, from, to, units }: Payload): number {
  if (packing === Packing.integers) {
    const { words } = window;
    for (let i = from, j = at * 2; i < to; i++, j++) words[j] = values[i] as number;
    return units;
  }
  if (packing === Packing.doubles) {
    const { doubles } = window;
    for (let i = from, j = at; i < to; i++, j++) doubles[j] = values[i] as number;
    return units;
  }
  let end = at;
  for (let i = from; i < to; i++) end += writeRecord(window, end, values[i]);
  return end - at;
}

/** Reads values; what needs more than copying is a {@link Later}. */
export function readValues(window: Window, at: number, end: number, count: number): unknown[] {
  const values: unknown[] = [];
  let next = at;
  for (let i = 0; i < count; i++) {
    values.push(readRecord(window, next, end - next));
    next += window.units;
  }
  return values;
}

export function copyIntegers(window: Window, at: number, count: number): Int32Array {
  const copy = new Int32Array(count);
  copy.set(window.words.subarray(at * 2, at * 2 + count));
  return copy;
}

export function copyDoubles(window: Window, at: number, count: number): Float64Array {
  const copy = new Float64Array(count);
  copy.set(window.doubles.subarray(at, at + count));
  return copy;
}

/** Whether the values are whole, and nothing is left to be received. */
export function isWhole(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] instanceof Later) return false;
  return true;
}

/** Whether there are functions or classes in the values, whose modules may have to be loaded. */
export function refers(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Later && (value.bytes[0] === Tag.reference || isReferring(value.bytes))) return true;
  }
  return false;
}

/**
 * Imports what the values refer to and cannot be had at once; `undefined` if there is nothing of that sort. Shared objects in them
 * have arrived by then: the caller finishes the values, or drops them.
 */
export function prepareValues(values: readonly unknown[]): Promise<unknown> | undefined {
  const pending = values.map((value) => (value instanceof Later ? value.prepare() : undefined));
  return pending.some((one) => one !== undefined) ? Promise.all(pending) : undefined;
}

/** The same for those who block the thread. @throws TypeError for what can only be imported */
export function prepareValuesNow(values: readonly unknown[]): void {
  for (const value of values) if (value instanceof Later) prepareNow(value.bytes);
}

export function finishValue(value: unknown): unknown {
  return value instanceof Later ? value.read() : value;
}
