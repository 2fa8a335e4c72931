/**
 * Arguments, items and results in a pool's records: numbers packed as such, common values in the compact form of
 * queues, everything else as a message of `serialize`.
 */
import { discard, isKeeping, isReferring, prepareNow, serialize } from '../serialize/codec.js';
import { Later, Message, mostUnits, readRecord, type Window, writeRecord } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { bytesOfView, makeView, viewIndex } from '../serialize/views.js';

/** Formats of the bytes after a record's header. */
export const Packing = {
  /** Values one after the other: arguments, or one result. */
  values: 0,
  /** One message with the list of values. */
  list: 1,
  /** int32 each. */
  integers: 2,
  /** float64 each. */
  doubles: 3,
} as const;
export type Packing = (typeof Packing)[keyof typeof Packing];

/** Values to be written to a record. */
export interface Payload {
  readonly packing: Packing;
  /** For `values` and `list`: values that have a record, or messages. Otherwise numbers, from index `from` to `to`. */
  readonly values: ArrayLike<unknown>;
  readonly from: number;
  readonly to: number;
  /** Upper bound on the units of the payload. */
  readonly units: number;
}

/** A payload of no values. */
export const noValues: Payload = { packing: Packing.values, values: [], from: 0, to: 0, units: 0 };

/** Packs the arguments of one call, or its single result. Views in it are read when it is written. */
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
  // In one message, so that a value that occurs twice arrives as one.
  return packList(values, root);
}

/** Packs a list of any values. */
function packList(values: readonly unknown[], root: string): Payload {
  return packMessage(Packing.list, serialize(values, root));
}

function packMessage(packing: Packing, bytes: Buffer): Payload {
  const message = new Message(bytes);
  return { packing, values: [message], from: 0, to: 1, units: mostUnits(message) };
}

/** Packs the items of a chunk, as numbers if all of them are. */
export function packItems(items: ArrayLike<unknown>, from: number, to: number, root: string): Payload {
  const packing = numericPacking(items, from, to);
  if (packing === Packing.integers) return { packing, values: items, from, to, units: (to - from + 1) >> 1 };
  if (packing === Packing.doubles) return { packing, values: items, from, to, units: to - from };
  return packList(Array.prototype.slice.call(items, from, to), root);
}

/** Packs the items of a chunk as the runner needs them. */
export function packFor(
  runner: { pack?(values: readonly unknown[], root: string): Payload },
  items: ArrayLike<unknown>,
  from: number,
  to: number,
  root: string,
): Payload {
  if (runner.pack === undefined) return packItems(items, from, to, root);
  return runner.pack(Array.prototype.slice.call(items, from, to), root);
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

/** Copies everything in the payload that its owner may still change. */
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

/** Whether shared objects in the payload are kept until they are received. */
export function isKeepingPayload({ values, packing }: Payload): boolean {
  if (packing > Packing.list) return false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Message && isKeeping(value.bytes)) return true;
  }
  return false;
}

/** Releases shared objects in a payload that will not be received. */
export function dropPayload({ values, packing }: Payload): void {
  if (packing > Packing.list) return;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Message && isKeeping(value.bytes)) discard(value.bytes);
  }
}

/** Releases shared objects in values that were read and will not be decoded. */
export function dropValues(values: ArrayLike<unknown>): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Later) value.drop();
  }
}

/** Writes the payload at the unit `at` and returns the number of units written. */
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

/** Reads values; each that needs more than copying is a {@link Later}. */
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

/** Whether the values are complete, with nothing left to be received. */
export function isWhole(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] instanceof Later) return false;
  return true;
}

/** Whether the values contain functions or classes, whose modules may have to be loaded. */
export function refers(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value instanceof Later && (value.bytes[0] === Tag.reference || isReferring(value.bytes))) return true;
  }
  return false;
}

/**
 * Imports the modules of the values that cannot be decoded at once; returns `undefined` if there are none. Shared
 * objects in the values have arrived by then: the caller decodes the values, or drops them.
 */
export function prepareValues(values: readonly unknown[]): Promise<unknown> | undefined {
  const pending = values.map((value) => (value instanceof Later ? value.prepare() : undefined));
  return pending.some((one) => one !== undefined) ? Promise.all(pending) : undefined;
}

/**
 * Like `prepareValues`, for a caller that blocks the thread. @throws TypeError for modules that can only be imported
 */
export function prepareValuesNow(values: readonly unknown[]): void {
  for (const value of values) if (value instanceof Later) prepareNow(value.bytes);
}

export function finishValue(value: unknown): unknown {
  return value instanceof Later ? value.read() : value;
}
