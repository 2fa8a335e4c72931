/** How long the other side may take to prove that it knows the key. */
import { ValueError } from '../errors.js';

const defaultMs = 10_000;

/** Reads `handshakeTimeout`, in ms; `Infinity` is allowed. */
export function checkHandshakeTimeout(value: unknown): number {
  if (value === undefined) return defaultMs;
  if (typeof value !== 'number' || !(Number.isInteger(value) || value === Infinity)) {
    throw new TypeError(`Expected "handshakeTimeout" to be a whole number of milliseconds, got ${String(value)}`);
  }
  if (value <= 0) throw new ValueError(`Expected "handshakeTimeout" to be positive, got ${value}`);
  return value;
}
