/**
 * The board of a pool: words in shared memory that its parent and its workers read at any time.
 *
 * It has a row of words for each worker, then a cancel bit for each place of a task in the ring.
 *
 * The parent learns what a dead worker was running as follows: under the lock of the ring's consumer end, a worker
 * writes the ordinal of the record that it is about to take, then the task's place, into its row, before the record
 * counts as taken. So a row may claim more than was taken, never less; `Traffic.judge` decides.
 */
import { RawArray } from '../shared/array.js';
import { boardFlag, boardLength, mostPlaces, rowWords, stateWord } from '../shared/board-layout.js';
import { flagArray } from '../shared/cells.js';

export { mostPlaces, WorkerState } from '../shared/board-layout.js';

/** Words of a row. Zero is the initial state of a worker. */
export const Row = {
  /** `WorkerState`; written by the worker. */
  state: stateWord,
  /** Ordinal of the last record that the worker took, and the place of its task plus 1; written by the worker. */
  ordinal: 1,
  place: 2,
  /** Ordinal of the task to interrupt, and the reason ({@link Interrupt}); written by the parent. */
  interrupted: 3,
  interrupt: 4,
  /**
   * Ordinal of the last task whose values the worker has begun to decode; written by the worker. Earlier tasks hold no
   * memory.
   */
  received: 5,
  /** Whether the worker has begun to decode the initializer's arguments; written by the worker. */
  initialised: 6,
} as const;

/** Reasons to interrupt a task. */
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

  /** Resets the row for a new worker. */
  clearRow(row: number): void {
    for (let word = 0; word < rowWords; word++) this.set(row, word, 0);
  }

  /** Precedes the store of the ring's position, so no reader sees that store before these. */
  claim(row: number, ordinal: number, place: number): void {
    const at = row * rowWords;
    this.#words[at + Row.ordinal] = ordinal;
    this.#words[at + Row.place] = place + 1;
  }

  /** Whether the task in this place is cancelled. */
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
