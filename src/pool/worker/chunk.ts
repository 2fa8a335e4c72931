/** A chunk of a map: applies the function to one item after the other, until one throws. */
import { inspect } from 'node:util';
import { MaybeEncodingError } from '../../errors.js';
import { Packing, type Payload, packItems } from '../payload.js';

type Fn = (...args: unknown[]) => unknown;

/**
 * Returns the packed results, or a promise of them once the function has returned a promise.
 *
 * @param spread each item is a list of arguments
 */
export function applyToEach(fn: Fn, items: ArrayLike<unknown>, spread: boolean): Payload | Promise<Payload> {
  const { length } = items;
  const integers = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const value = spread ? fn(...(items[i] as unknown[])) : fn(items[i]);
    if (typeof value === 'number' && (value | 0) === value && (value !== 0 || 1 / value > 0)) integers[i] = value;
    else return applyToRest(fn, items, spread, Array.from(integers.subarray(0, i)), value);
  }
  return { packing: Packing.integers, values: integers, from: 0, to: length, units: (length + 1) >> 1 };
}

/** Continues the chunk from the first result that is no small integer. `value`: that result. */
function applyToRest(
  fn: Fn,
  items: ArrayLike<unknown>,
  spread: boolean,
  results: unknown[],
  value: unknown,
): Payload | Promise<Payload> {
  if (isThenable(value)) return applyInTurn(fn, items, spread, results, value);
  results.push(value);
  for (let i = results.length; i < items.length; i++) {
    const next = spread ? fn(...(items[i] as unknown[])) : fn(items[i]);
    if (isThenable(next)) return applyInTurn(fn, items, spread, results, next);
    results.push(next);
  }
  return packResults(results);
}

async function applyInTurn(
  fn: Fn,
  items: ArrayLike<unknown>,
  spread: boolean,
  results: unknown[],
  first: unknown,
): Promise<Payload> {
  results.push(await first);
  for (let i = results.length; i < items.length; i++) {
    results.push(await (spread ? fn(...(items[i] as unknown[])) : fn(items[i])));
  }
  return packResults(results);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

function packResults(results: unknown[]): Payload {
  try {
    return packItems(results, 0, results.length, 'results');
  } catch (cause) {
    throw new MaybeEncodingError(String(cause), inspect(results), { cause });
  }
}
