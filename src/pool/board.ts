/**
 * The board of a pool: what its parent and workers tell each other at any time, in shared memory.
 *
 * A row of words for each worker, then a bit for each place of a task in the ring: that it must not be run any more.
 *
 * How the parent knows what a dead worker was running: under the lock of the ring's taking end, a worker writes the
 * ordinal of the record it is about to take and the task's place into its row, in this order, before the record counts as
 * taken. So a row may say more than happened, never less; `Traffic.judge` tells which.
 */
import { RawArray } from '../shared/array.js';
import { boardFlag, boardLength, mostPlaces, rowWords, stateWord } from '../shared/board-layout.js';
import { flagArray } from '../shared/cells.js';

export { mostPlaces, WorkerState } from '../shared/board-layout.js';

/** Words of a row. Zero is right for a worker that is about to start. */
export const Row = {
  /** `WorkerState`; the worker's. */
  state: stateWord,
  /** Which record of the ring the worker took last, and the place of the task in it, plus 1; the worker's. */
  ordinal: 1,
  place: 2,
  /** The ordinal of the task that is to end, and why ({@link Interrupt}); the parent's. */
  interrupted: 3,
  interrupt: 4,
  /** Which task's values the worker has begun to make last, by ordinal; the worker's. Those before hold no memory. */
  received: 5,
  /** Whether it has begun to make what its initializer needs; the worker's. */
  initialised: 6,
} as const;

/** Why a task is to end. */
export const Interrupt = { none: 0, aborted: 1, late: 2 } as const;
export type Interrupt = (typeof Interrupt)[keyof typeof Interrupt];

export type BoardWords = RawArray<'i'>;

export function makeBoard(workers: number): BoardWords {
  const board = new RawArray('i', boardLength(workers));
  flagArray(board, boardFlag);
  return board;
}

/** The board as one side has it open. */
export class Board {
  readonly #memory: BoardWords;
  readonly #words: Int32Array;
  readonly #bits: number;

  constructor(memory: BoardWords) {
    this.#memory = memory;
    this.#words = memory;
    this.#bits = memory.length - mostPlaces / 32;
  }

  get(row: number, word: number): number {
    return Atomics.load(this.#words, row * rowWords + word);
  }

  set(row: number, word: number, value: number): void {
    Atomics.store(this.#words, row * rowWords + word, value);
  }

  /** For a new worker in the row of one that has ended. */
  clearRow(row: number): void {
    for (let word = 0; word < rowWords; word++) this.set(row, word, 0);
  }

  /** The store of the ring's position follows, which nobody sees before these. */
  claim(row: number, ordinal: number, place: number): void {
    const at = row * rowWords;
    this.#words[at + Row.ordinal] = ordinal;
    this.#words[at + Row.place] = place + 1;
  }

  /** Whether the task in this place must not be run any more. */
  isCancelled(place: number): boolean {
    return ((Atomics.load(this.#words, this.#bits + (place >> 5)) >>> (place & 31)) & 1) !== 0;
  }

  cancel(place: number): void {
    Atomics.or(this.#words, this.#bits + (place >> 5), 1 << (place & 31));
  }

  uncancel(place: number): void {
    Atomics.and(this.#words, this.#bits + (place >> 5), ~(1 << (place & 31)));
  }

  close(): void {
    this.#memory.close();
  }
}
