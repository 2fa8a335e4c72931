/**
 * Outcomes of tasks, as records of the ring that the parent reads:
 *
 *     word 0   the tag, in bits 8–15 the kind, 16–23 the packing
 *     word 1   bytes that follow these two words
 *     word 2   the task's place
 *     word 3   the worker's row
 *     word 4   how many values
 *     words 6–9  when it began, and how long it ran: ms on the machine's monotonic clock, doubles
 *     then the values
 */
import { damaged } from '../serialize/handles.js';
import type { Window } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import { noValues, Packing, readValues, writePayload } from './payload.js';
import { checkCount } from './task-record.js';

/** Kinds of records that a worker sends. */
export const OutcomeKind = {
  returned: 0,
  threw: 1,
  /** The task was cancelled before it began. */
  skipped: 2,
  /** An interruptible task has begun. */
  began: 3,
  /** Without a task: the worker takes tasks from now on. */
  ready: 4,
  /** Without a task: the initializer threw. */
  unable: 5,
  /** Without a task: an uncaught error is about to end the worker. */
  dying: 6,
} as const;
export type OutcomeKind = (typeof OutcomeKind)[keyof typeof OutcomeKind];

const headerUnits = 5;
const none: unknown[] = [];

/** Encodes outcomes for the worker. Reused for each. */
export class OutcomeWriter {
  kind: OutcomeKind = OutcomeKind.returned;
  place = 0;
  row = 0;
  began = 0;
  ran = 0;
  payload = noValues;

  get units(): number {
    return headerUnits + this.payload.units;
  }

  write(window: Window, at: number): number {
    const { words, doubles } = window;
    const { payload } = this;
    const i = at * 2;
    words[i] = Tag.outcome | (this.kind << 8) | (payload.packing << 16);
    words[i + 2] = this.place;
    words[i + 3] = this.row;
    words[i + 4] = payload.to - payload.from;
    doubles[at + 3] = this.began;
    doubles[at + 4] = this.ran;
    const units = headerUnits + writePayload(window, at + headerUnits, payload);
    words[i + 1] = units * 8 - 8;
    return units;
  }

  reset(): void {
    this.payload = noValues;
  }
}

/** Receives the numbers of a chunk directly from shared memory; a `count` of −1 means none. */
export type NumbersSink = (place: number, numbers: Int32Array | Float64Array, at: number, count: number) => void;

/** Decodes outcomes; its fields hold the last one. */
export class OutcomeReader {
  kind: OutcomeKind = OutcomeKind.returned;
  place = 0;
  row = 0;
  began = 0;
  ran = 0;
  packing: Packing = Packing.values;
  /** Values except numbers, which the sink received. */
  values = none;
  /** Why the values could not be decoded: this Node may lack their class. */
  failure: { readonly error: unknown } | undefined;
  readonly #sink: NumbersSink;

  constructor(sink: NumbersSink) {
    this.#sink = sink;
  }

  read(window: Window, at: number, most: number): true {
    const { words, doubles } = window;
    const i = at * 2;
    const head = words[i] as number;
    const units = 1 + Math.ceil(((words[i + 1] as number) >>> 0) / 8);
    if ((head & 0xff) !== Tag.outcome || units > most || units < headerUnits) throw damaged('no outcome of a task');
    const count = (words[i + 4] as number) >>> 0;
    this.kind = ((head >>> 8) & 0xff) as OutcomeKind;
    this.packing = ((head >>> 16) & 0xff) as Packing;
    this.place = words[i + 2] as number;
    this.row = words[i + 3] as number;
    this.began = doubles[at + 3] as number;
    this.ran = doubles[at + 4] as number;
    const start = at + headerUnits;
    checkCount(count, this.packing, units - headerUnits);
    if (this.packing === Packing.integers) this.#sink(this.place, words, start * 2, count);
    else if (this.packing === Packing.doubles) this.#sink(this.place, doubles, start, count);
    else this.#readValues(window, start, at + units, count);
    window.units = units;
    return true;
  }

  claim(): void {}

  /** Releases the values. */
  reset(): void {
    this.values = none;
    this.failure = undefined;
  }

  #readValues(window: Window, at: number, end: number, count: number): void {
    try {
      this.values = readValues(window, at, end, count);
    } catch (error) {
      this.failure = { error };
    }
  }
}
