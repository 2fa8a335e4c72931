/** The check of an integer argument: what it is called, and between which bounds it must lie. */
import { checkedBy, type Kind } from '../options/kinds.js';

/**
 * @throws TypeError for anything but a number
 * @throws RangeError for a fraction, and for what lies outside
 */
export function checkInteger(name: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`Expected "${name}" to be a number, got ${typeof value}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Expected "${name}" to be an integer from ${least} to ${most}, got ${value}`);
  }
  return value;
}

/** An option that is such an integer. */
export function integerBetween(least: number, most: number): Kind<number> {
  return checkedBy((value, name) => checkInteger(name, value as number, least, most));
}

/** Permissions of a file. */
export const fileMode: Kind<number> = integerBetween(0, 0o7777);
