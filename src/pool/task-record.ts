/**
 * Tasks, as records of the ring that workers read:
 *
 *     word 0   the tag, in bits 8–15 how to apply the function, 16–23 the packing, 24 whether it may be interrupted
 *     word 1   bytes that follow these two words
 *     word 2   the task's place: a number that no other task in flight has
 *     word 3   the function's number
 *     word 4   how many values
 *     word 5   bytes of the text that describes the function; 0 if every worker knows it
 *     then the text, padded to 8 bytes, and the values
 */
import { damaged } from '../serialize/handles.js';
import type { Window } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { copyDoubles, copyIntegers, noValues, Packing, readValues, writePayload } from './payload.js';

/** Ways to apply the function to the values. */
export const Application = {
  /** Once, to all values as arguments. */
  call: 0,
  /** To each value. */
  each: 1,
  /** To each value, a list of arguments. */
  spread: 2,
} as const;
export type Application = (typeof Application)[keyof typeof Application];

const interruptible = 1 << 24;
const headerUnits = 3;

/** Encodes tasks for the parent. Reused for each. */
export class TaskWriter {
  place = 0;
  fn = 0;
  text: Uint8Array | undefined;
  application: Application = Application.call;
  interruptible = false;
  payload = noValues;

  get units(): number {
    return headerUnits + (((this.text?.length ?? 0) + 7) >> 3) + this.payload.units;
  }

  write(window: Window, at: number): number {
    const { words } = window;
    const { payload, text } = this;
    const i = at * 2;
    words[i] = Tag.task | (this.application << 8) | (payload.packing << 16) | (this.interruptible ? interruptible : 0);
    words[i + 2] = this.place;
    words[i + 3] = this.fn;
    words[i + 4] = payload.to - payload.from;
    let units = headerUnits;
    words[i + 5] = text?.length ?? 0;
    if (text !== undefined) {
      window.bytes.set(text, (at + units) * 8);
      units += (text.length + 7) >> 3;
    }
    units += writePayload(window, at + units, payload);
    words[i + 1] = units * 8 - 8;
    return units;
  }

  /** Releases the values. */
  reset(): void {
    this.payload = noValues;
  }
}

/** A task as a worker received it. */
export interface TakenTask {
  readonly place: number;
  readonly fn: number;
  readonly text: Buffer | undefined;
  readonly application: Application;
  readonly packing: Packing;
  readonly interruptible: boolean;
  /** Numbers, or values of which some may have to be decoded. */
  readonly values: Int32Array | Float64Array | unknown[];
  /** Why the values could not be decoded: this Node may lack their class. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Precondition: the lock of the ring's consumer end is held. */
export function readTask(window: Window, at: number, most: number): TakenTask {
  const { words } = window;
  const i = at * 2;
  const head = words[i] as number;
  const units = 1 + Math.ceil(((words[i + 1] as number) >>> 0) / 8);
  if ((head & 0xff) !== Tag.task || units > most || units < headerUnits) throw damaged('no task of a pool');
  const count = (words[i + 4] as number) >>> 0;
  const length = (words[i + 5] as number) >>> 0;
  const start = at + headerUnits + ((length + 7) >> 3);
  const packing = ((head >>> 16) & 0xff) as Packing;
  checkCount(count, packing, at + units - start);
  let values: TakenTask['values'] = [];
  let failure: TakenTask['failure'];
  try {
    values = readPacked(window, start, at + units, count, packing);
  } catch (error) {
    failure = { error };
  }
  const task = {
    place: words[i + 2] as number,
    fn: words[i + 3] as number,
    text: length === 0 ? undefined : copyText(window, (at + headerUnits) * 8, length),
    application: ((head >>> 8) & 0xff) as Application,
    packing,
    interruptible: (head & interruptible) !== 0,
    values,
    failure,
  };
  window.units = units;
  return task;
}

function copyText(window: Window, start: number, length: number): Buffer {
  return Buffer.from(window.bytes.subarray(start, start + length));
}

/** Checks that the numbers lie within the record. */
export function checkCount(count: number, packing: Packing, units: number): void {
  const least = packing === Packing.integers ? count / 2 : count;
  if (units < 0 || least > units) throw damaged(`${count} values in ${units * 8} bytes of a pool's record`);
}

function readPacked(window: Window, at: number, end: number, count: number, packing: Packing) {
  if (packing === Packing.integers) return copyIntegers(window, at, count);
  if (packing === Packing.doubles) return copyDoubles(window, at, count);
  return readValues(window, at, end, count);
}
