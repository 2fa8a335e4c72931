/**
 * Messages between members and the host of a named pool. A message is a list, encoded by `serialize`; tasks, results
 * and functions are bytes in it, which the host passes on unread: modules are loaded in workers and members alone.
 */
import { keepAgain, serialize } from '../../serialize/codec.js';
import { Later, Message, mostUnits } from '../../serialize/records.js';
import { Packing, type Payload } from '../payload.js';

/** Messages of a member. */
export const Ask = {
  /** pid */
  join: 0,
  /** id, number of the function, its bytes or undefined, its name, application, timeout, interruptible, packet */
  task: 1,
  /** id, why */
  giveUp: 2,
  /** whether unfinished tasks are terminated */
  leave: 3,
} as const;

/** Messages of the host. */
export const Tell = {
  /** pid, bytes of the board, workers */
  welcome: 0,
  /** id, ok, packet, pid of the worker, waited, ran */
  outcome: 1,
  /** id, bytes of the error */
  failed: 2,
  /** workers */
  crew: 3,
  /** the worker */
  lost: 4,
  /** bytes of the error: there will be no workers */
  broken: 5,
} as const;

/** A payload as bytes. */
export interface Packet {
  readonly packing: Packing;
  /** One message for each value. */
  readonly parts: readonly Uint8Array[];
  /** Indices of the parts that keep shared objects until they are received. */
  readonly keeping: readonly number[];
  readonly numbers: Int32Array | Float64Array | undefined;
}

/** Encodes a payload now. */
export function packetOf({ packing, values, from, to }: Payload, keeps: (bytes: Buffer) => boolean): Packet {
  if (packing > Packing.list) {
    const make = { length: to - from };
    const number = (_: unknown, i: number) => values[from + i] as number;
    const numbers = packing === Packing.integers ? Int32Array.from(make, number) : Float64Array.from(make, number);
    return { packing, parts: [], keeping: [], numbers };
  }
  const parts: Buffer[] = [];
  const keeping: number[] = [];
  for (let i = from; i < to; i++) {
    const value = values[i];
    const bytes = value instanceof Message || value instanceof Later ? value.bytes : serialize(value);
    if (keeps(bytes)) keeping.push(parts.length);
    parts.push(bytes);
  }
  return { packing, parts, keeping, numbers: undefined };
}

/** Makes the payload of a packet, for the ring. */
export function payloadOf({ packing, parts, keeping, numbers }: Packet): Payload {
  if (numbers !== undefined) {
    const units = packing === Packing.integers ? (numbers.length + 1) >> 1 : numbers.length;
    return { packing, values: numbers, from: 0, to: numbers.length, units };
  }
  const messages = parts.map((part) => new Message(bufferOf(part)));
  for (const index of keeping) {
    const message = messages[index];
    if (message !== undefined) keepAgain(message.bytes);
  }
  const units = messages.reduce((sum, message) => sum + mostUnits(message), 0);
  return { packing, values: messages, from: 0, to: messages.length, units };
}

/** Returns the values of a packet as they come out of a ring, not decoded. */
export function valuesOf({ parts }: Packet): unknown[] {
  return parts.map((part) => new Later(bufferOf(part)));
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Returns the approximate size of a packet in bytes. */
export function sizeOf({ parts, numbers }: Packet): number {
  return parts.reduce((sum, part) => sum + part.length, numbers?.byteLength ?? 0);
}
