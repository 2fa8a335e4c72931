/** What came as bytes becomes a value, for the conversation that it came through. */
import { Buffer } from 'node:buffer';
import { type Origin, within } from '../../serialize/afar.js';
import { Arrival, deserialize, discard, isPrepared, prepare } from '../../serialize/codec.js';
import { Request } from './frame.js';
import { FrameReader, Whole } from './frame-decoder.js';
import { type Carriage, carriedBy } from './proxy-scope.js';

/**
 * Writes or reads something of a conversation.
 *
 * @param origin the other side, if that is another machine or user
 */
export function conveyed<T>(carriage: Carriage, origin: Origin | undefined, act: () => T): T {
  return carriedBy(carriage, origin === undefined ? act : () => within(origin, act));
}

/** @throws what `deserialize` throws */
export function open(value: unknown, carriage: Carriage, origin: Origin | undefined): unknown {
  if (!(value instanceof Whole)) return value;
  const { arrival, bytes } = value;
  return conveyed(carriage, origin, () => (arrival === undefined ? deserialize(bytes) : arrival.read(bytes)));
}

/**
 * Imports the modules of functions and classes in it, as far as they can only be had so.
 *
 * @returns `undefined` if there is nothing to import
 */
export function loading(value: unknown, origin: Origin | undefined): Promise<void> | undefined {
  if (!(value instanceof Whole)) return undefined;
  try {
    if (isPrepared(value.bytes)) return undefined;
    return within(origin, () => {
      value.arrival = new Arrival(value.bytes);
      return prepare(value.bytes);
    });
  } catch {
    // It is damaged, or names what it may not: opening it says so.
    return undefined;
  }
}

/** The same, in bytes of its own. */
export function kept<T>(value: T): T {
  if (!(value instanceof Whole)) return value;
  const own = new Whole(Buffer.from(value.bytes), value.awaited);
  own.arrival = value.arrival;
  return own as T;
}

/** Nobody will open it. */
export function forgo(value: unknown): void {
  if (!(value instanceof Whole)) return;
  if (value.arrival === undefined) discard(value.bytes);
  else value.arrival.release(value.bytes);
}

/** A call, or what makes an object, that will not be sent. */
export function forgoFrame(frame: Buffer): void {
  const reader = new FrameReader(frame);
  const request = reader.byte();
  if (request !== Request.call && request !== Request.create) return;
  reader.integer();
  if (request === Request.call) reader.number();
  reader.text();
  forgo(reader.arguments());
}
