/** What is put into a queue: serialised where the caller is, so that what cannot travel fails there. */
import { discard, serialize } from '../serialize/codec.js';
import { Message, mostUnits } from '../serialize/records.js';

/** A value on its way into a queue. */
export interface Parcel {
  /** What the ring is given. */
  readonly value: unknown;
  /** {@link mostUnits} of it. */
  readonly units: number;
  /** It is not put after all: what travels in it stays. */
  cancel(): void;
}

/** @throws TypeError for `undefined`, and for what cannot travel, naming its path from `root` on */
export function pack(item: unknown, root = 'item'): Parcel {
  if (item === undefined) throw new TypeError(`Expected "${root}" to be a value, got undefined (use null)`);
  const units = mostUnits(item);
  if (units !== 0) return { value: item, units, cancel: nothingToCancel };
  const bytes = serialize(item, root);
  const value = new Message(bytes);
  return { value, units: mostUnits(value), cancel: () => discard(bytes) };
}

/** All or none of them. */
export function packAll(items: Iterable<unknown>): Parcel[] {
  const parcels: Parcel[] = [];
  try {
    for (const item of items) parcels.push(pack(item, `items[${parcels.length}]`));
  } catch (error) {
    for (const parcel of parcels) parcel.cancel();
    throw error;
  }
  return parcels;
}

/** The parcel with its bytes as they are now: the caller may change what it has put. */
export function frozen(parcel: Parcel): Parcel {
  if (typeof parcel.value !== 'object' || parcel.value === null || parcel.value instanceof Message) return parcel;
  const value = new Message(serialize(parcel.value));
  return { value, units: mostUnits(value), cancel: parcel.cancel };
}

const nothingToCancel = () => {};
