/** How long the other side may take to prove that it knows the key. */
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { checkedBy, type Kind } from '../options/kinds.js';

const defaultMs = 10_000;

/** The option `handshakeTimeout`, in ms; `Infinity` is allowed. */
export const handshakeTimeoutKind: Kind<number> = checkedBy((value, name) => {
  if (typeof value !== 'number' || !(Number.isInteger(value) || value === Infinity)) {
    throw new TypeError(`Expected "${name}" to be a whole number of milliseconds, got ${describe(value)}`);
  }
  if (value <= 0) throw new ValueError(`Expected "${name}" to be positive, got ${value}`);
});

/** Reads a checked `handshakeTimeout`. */
export function readHandshakeTimeout(value: number | undefined): number {
  return value ?? defaultMs;
}
